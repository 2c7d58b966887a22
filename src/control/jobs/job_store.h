// SPDX-License-Identifier: Apache-2.0
// The statements of the job engine on howdah.jobs. Times are the catalog's clock.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/jobs/job.h"
#include "pg/pool.h"

namespace howdah::control {

// Who works on a job and until when, unless renewed.
struct Lease {
  std::string token;  // UUID, new for each taking
  std::string owner;  // UUID of the engine
  milliseconds duration{0};
};

struct LeasedJob {
  Job job;
  std::string token;
};

namespace job_store {

// Empty: an unfinished job has the same exclusive_key. lease: it is running from the start.
Task<std::optional<JobId>> insert(pg::Connection& connection, NewJob job,
                                  std::optional<Lease> lease);
// The unfinished job with this key; empty: none any more.
struct Blocking {
  JobId id;
  std::string title;  // its kind where nobody watches it
};
Task<std::optional<Blocking>> find_exclusive(pg::Connection& connection, std::string key);

// What a taker is and takes.
struct Taking {
  std::string owner;
  milliseconds lease{0};
  std::size_t limit = 0;
  std::vector<std::string> kinds;  // it knows
  std::vector<std::string> held;   // lease tokens of what it is running
};
// Due jobs, never those it holds. Jobs of dead workers are due when their lease ends, and so are
// those that the taker itself had to leave because the catalog was away.
Task<std::vector<LeasedJob>> take(pg::Pool& pool, Taking taking);
// Time until the next job of those kinds is due; empty: none waits. Past times are zero.
Task<std::optional<milliseconds>> until_next_due(pg::Pool& pool, Taking taking);

struct Renewed {
  std::string token;
  JobState state;
};
// Those that are still held; the others are lost.
Task<std::vector<Renewed>> renew(pg::Pool& pool, std::vector<std::string> tokens,
                                 milliseconds lease);
// Gives back one job, or all of an owner, to be taken at once.
Task<void> release(pg::Pool& pool, std::string token);
Task<void> release_all(pg::Pool& pool, std::string owner);

// False: the lease was lost, and nothing was changed. All lock the job's row.
Task<bool> hold(pg::Connection& connection, LeasedJob leased);
// job.step steps are completed; job.state: running to go on, or the final state.
Task<void> advance(pg::Connection& connection, LeasedJob leased, milliseconds lease);
Task<void> retry(pg::Connection& connection, LeasedJob leased, milliseconds pause);

Task<std::optional<Job>> show(pg::Pool& pool, JobId id);
// The state it has then (a final one: too late); empty: no such job.
Task<std::optional<JobState>> request_cancel(pg::Connection& connection, JobId id);

// After the clock was set back, leases and pauses would last as long as the jump: they end now.
Task<void> repair_after_clock_jump(pg::Pool& pool, milliseconds lease, milliseconds backoff_max);
// Returns how many went.
Task<std::int64_t> prune(pg::Connection& connection);

Task<void> listen(pg::Connection& connection);

}  // namespace job_store
}  // namespace howdah::control
