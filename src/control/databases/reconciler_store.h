// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "pg/pool.h"

namespace howdah::control::reconciler_store {

// What the catalog knows about the token that an instance was claimed with.
struct Claim {
  std::string token;
  std::string branch_status;  // empty: no such branch
  bool job_unfinished = false;
  bool job_failed = false;  // a create of it was given up: it may be removed
};
Task<std::vector<Claim>> claims(pg::Pool& pool, std::vector<std::string> tokens);

// In status creating for longer than that, without a job that could finish them.
struct HalfMade {
  DatabaseId database_id;
  BranchId branch_id;
};
Task<std::vector<HalfMade>> half_made(pg::Pool& pool, std::chrono::seconds age);

// Instances that active branches should have and that are not among those present.
Task<std::vector<InstanceId>> missing(pg::Pool& pool, std::vector<InstanceId> present);

// Whose branch has the token; empty: nobody's.
Task<std::optional<DatabaseId>> database_of(pg::Connection& connection, std::string token);

// Another number when databases or branches may have changed, or are about to.
Task<std::int64_t> inventory_version(pg::Pool& pool);

Task<bool> any_deleted(pg::Pool& pool);
// Deleted, and their date has come on both clocks (elapsed_time.h).
Task<std::vector<DatabaseId>> purgeable(pg::Pool& pool);

}  // namespace howdah::control::reconciler_store
