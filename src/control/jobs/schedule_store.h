// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "control/jobs/job.h"
#include "pg/pool.h"

namespace howdah::control::schedule_store {

// Adds it where it is new; a changed cadence is worked out anew.
Task<void> declare(pg::Connection& connection, Schedule schedule);

struct Due {
  std::string name;
  Timestamp now;     // the catalog's clock
  bool late = true;  // false: only its next_due is wrong, as the clock was set back
};
// Due ones among `names`, locked until the end of the transaction; those that another sweep is
// working on are left out.
Task<std::vector<Due>> take(pg::Connection& connection, std::vector<std::string> names);
// job: empty when none was enqueued.
Task<void> set_next(pg::Connection& connection, std::string name, Timestamp next,
                    std::optional<JobId> job);
// Time until the next one is due; empty: there is none.
Task<std::optional<milliseconds>> until_next_due(pg::Pool& pool);

}  // namespace howdah::control::schedule_store
