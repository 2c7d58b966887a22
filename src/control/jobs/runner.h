// SPDX-License-Identifier: Apache-2.0
// Carries one leased job through its steps. Owner: JobEngine; on the loop's thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/jobs/engine.h"
#include "control/jobs/job_store.h"
#include "control/jobs/signals.h"
#include "pg/pool.h"

namespace howdah::control {

// A job that this process is running.
struct RunningJob {
  RunningJob(asio::any_io_executor executor, LeasedJob leased_)
      : leased(std::move(leased_)), run(leased.job), interrupt(executor), ended(executor) {
    ended.expires_at(asio::steady_timer::time_point::max());
  }
  LeasedJob leased;
  StepRun run;
  asio::steady_timer interrupt;  // rings when the step's time is over; cancelled by lose()
  asio::steady_timer ended;      // cancelled when the runner is done with the job
  bool announce = false;         // the operation does not say yet that its step has begun
  bool lost = false;             // someone else has the job now
  bool done = false;

  void lose() {
    lost = true;
    interrupt.cancel();
  }
};

class JobRunner {
 public:
  // All must outlive every run().
  JobRunner(pg::Pool& pool, const EngineLimits& limits, JobSignals& signals)
      : pool_(pool), limits_(limits), signals_(signals) {}

  // Until the job is final, waits for its next attempt, or was lost. Whatever happens, no exception
  // but cancellation leaves it.
  asio::awaitable<void> run(std::shared_ptr<RunningJob> job, std::shared_ptr<const JobKind> kind);

  // Stores what the running step has logged since the last time.
  Task<void> write_news(std::shared_ptr<RunningJob> job);

 private:
  using KindPtr = std::shared_ptr<const JobKind>;
  using JobPtr = std::shared_ptr<RunningJob>;

  Task<void> run_steps(JobPtr job, KindPtr kind);
  Task<void> run_step(JobPtr job, KindPtr kind);
  // The work part, ended by its time limit or the loss of the lease.
  Task<void> work(JobPtr job, const Step& step);
  // Locks the job's row, or finds that the lease is lost.
  Task<void> check_held(JobPtr job, pg::Connection& in);
  Task<void> complete_step(JobPtr job, KindPtr kind, pg::Connection& in);
  Task<void> settle_failure(JobPtr job, KindPtr kind, Error error);
  Task<void> put_off(JobPtr job, Error error);
  Task<void> retry_in(JobPtr job, milliseconds pause, pg::Connection& in);
  Task<void> undo(JobPtr job, KindPtr kind, JobState end);
  Task<void> end_undone(JobPtr job, KindPtr kind, pg::Connection& in);

  pg::Pool& pool_;
  const EngineLimits& limits_;
  JobSignals& signals_;
};

}  // namespace howdah::control
