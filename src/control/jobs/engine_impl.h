// SPDX-License-Identifier: Apache-2.0
// The inside of JobEngine: three loops (take due work, listen for news, keep leases) and the jobs
// that run. Owner: JobEngine; on the loop's thread.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/jobs/engine.h"
#include "control/jobs/runner.h"
#include "control/jobs/signals.h"

namespace howdah::control {

struct JobEngine::Impl {
  using Clock = std::chrono::steady_clock;
  using KindPtr = std::shared_ptr<const JobKind>;

  Impl(asio::any_io_executor executor_, Catalog& catalog_, EngineLimits limits_);

  // Jobs.
  void launch(std::shared_ptr<RunningJob> job, std::size_t& counter);
  asio::awaitable<void> run(std::shared_ptr<RunningJob> job, KindPtr kind, std::size_t& counter);
  Task<JobId> enqueue(pg::Connection& connection, NewJob job, Start start);
  Task<void> require_idle(pg::Connection& connection, std::string exclusive_key);
  Task<Job> show(JobId id);
  Task<JobState> cancel_in(JobId id, pg::Connection& in);

  // Taking due work.
  asio::awaitable<void> sweep_loop();
  Task<milliseconds> sweep();
  Task<void> take_jobs();
  Task<void> sweep_schedules(pg::Connection& in);
  Task<void> declare_schedules(pg::Connection& in);
  job_store::Taking taking(std::size_t limit) const;
  void wake();

  asio::awaitable<void> listen_loop();
  Task<void> listen();

  // Keeping leases, and what goes with the same rhythm.
  asio::awaitable<void> lease_loop();
  Task<void> renew();
  Task<void> release_forgotten();
  Task<void> write_news();
  Task<void> prune(StepRun& run, pg::Connection& in);

  asio::any_io_executor executor;
  Catalog& catalog;
  EngineLimits limits;
  std::string owner;  // UUID of this engine
  std::map<std::string, KindPtr> kinds;
  std::map<std::string, Schedule> schedules;
  JobSignals signals;
  std::unique_ptr<JobRunner> runner;  // after start()

  std::map<std::string, std::shared_ptr<RunningJob>> running;  // by lease token
  std::size_t swept = 0;                                       // of them, taken by the sweep
  std::size_t inlined = 0;                                     // started by run_now
  // Enqueued to be run here; run_now() has not been called yet.
  struct Prepared {
    LeasedJob leased;
    Clock::time_point since;
  };
  std::map<std::string, Prepared> prepared;  // by job id

  asio::steady_timer waker;
  bool woken = false;
  bool stopping = false;
  bool sweep_failing = false;
  Clock::time_point clock_checked{};
  Clock::time_point renewed{};
  net::TaskGroup takers;  // sweep and listen: end first
  net::TaskGroup runs;
  net::TaskGroup keepers;  // leases: end last
};

}  // namespace howdah::control
