// SPDX-License-Identifier: Apache-2.0
// SQL of the addresses that firewalls refused.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/envelope.h"
#include "model/denied_attempts.h"
#include "pg/pool.h"

namespace howdah::control::denied_store {

// Adds to what is there. Branches that are gone meanwhile are passed over.
Task<void> add(pg::Pool& pool, std::vector<DeniedAttempt> attempts);

struct Row {
  std::int64_t id = 0;
  std::string branch;  // slug
  DeniedAttempt attempt;
};
// Newest first; `after` is the last_at and id of the row before.
Task<std::vector<Row>> list(pg::Pool& pool, DatabaseId id, Page page);

// All attempts that are still kept, of one database.
Task<std::int64_t> count(pg::Pool& pool, DatabaseId id);

struct Keep {
  std::chrono::days age;
  std::int64_t addresses_per_database = 0;
};
Task<void> prune(pg::Pool& pool, Keep keep);

}  // namespace howdah::control::denied_store
