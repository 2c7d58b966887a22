// SPDX-License-Identifier: Apache-2.0
// Runs durable jobs (README.md, "Jobs"). A worker holds a job by a lease that it renews; when it
// dies, the lease ends and another one goes on behind the last completed step. All times are the
// catalog's clock, so workers agree.
// Owner: Service; on the loop's thread.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/catalog/catalog.h"
#include "control/jobs/job.h"
#include "net/task_group.h"

namespace howdah::control {

struct EngineLimits {
  std::size_t parallel_max = 8;   // jobs taken by the sweep at the same time
  std::size_t inline_max = 64;    // jobs of run_now at the same time
  milliseconds lease{10'000};     // renewed at a third of it
  milliseconds sweep_max{5'000};  // longest sleep between two looks at due_at
  milliseconds backoff_first{1'000};
  milliseconds backoff_max{300'000};
};

class JobEngine {
 public:
  JobEngine(asio::any_io_executor executor, Catalog& catalog, EngineLimits limits = {});
  ~JobEngine();

  // Before start(). A kind or schedule added twice is a bug of ours and aborts.
  void add(JobKind kind);
  void add(Schedule schedule);

  // Stores the schedules and starts working.
  Task<void> start();
  // Takes no new job; waits for running ones at most drain; gives the rest back to be taken up by
  // the next worker at once.
  asio::awaitable<void> stop(milliseconds drain);

  // by_worker: any worker takes it when it is due. here: leased to this engine; call run_now() once
  // the transaction is committed (if that never happens, a worker takes it when the lease ends).
  enum class Start { by_worker, here };
  // In the caller's transaction, so the job exists if and only if what it works on does.
  // Errors: conflict, as require_idle().
  Task<JobId> enqueue(pg::Connection& connection, NewJob job, Start start = Start::by_worker);

  // For a change that is no job itself. Errors: conflict naming the unfinished job with that key:
  // in its message, and as the pointer of its one field ("/api/operations/<id>").
  Task<void> require_idle(pg::Connection& connection, std::string exclusive_key);

  // Runs a job that was enqueued with Start::here and returns when it is final or waiting for its
  // next attempt, at most `wait`: then it goes on without the caller (answer 202). The job is not
  // ended when the caller is.
  Task<Job> run_now(JobId id, milliseconds wait);

  Task<Job> show(JobId id);  // Errors: not_found
  // Until the job is final, at most `wait`; then as it is.
  Task<Job> wait(JobId id, milliseconds wait);
  // A waiting job is undone at once, a running one between two steps or where its step agrees.
  // Errors: not_found, conflict when it is final.
  Task<Job> cancel(JobId id);
  // Something about the job changed in this process, or the time is over. For event streams.
  Task<void> wait_change(JobId id, milliseconds wait);

  // Names of the kind's steps; empty for an unknown kind.
  std::vector<std::string> step_names(const std::string& kind) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Throws away finished jobs: watched ones after 30 days, others after 2.
inline constexpr std::string_view kPruneJobs = "jobs.prune";

}  // namespace howdah::control
