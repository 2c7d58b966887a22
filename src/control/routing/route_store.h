// SPDX-License-Identifier: Apache-2.0
// Routes as the catalog has them, and what gates report of their use.
#pragma once
#include <vector>

#include "model/route.h"
#include "pg/pool.h"

namespace howdah::control::route_store {

// A number that is larger at each call, for ever.
Task<std::uint64_t> next_epoch(pg::Pool& pool);

// Of all branches that have an instance and are not being made.
Task<std::vector<Route>> load_all(pg::Pool& pool);
// Of these branches; those without a route are missing.
Task<std::vector<Route>> load(pg::Pool& pool, std::vector<BranchId> ids);

// Branches that are gone meanwhile are passed over. last_activity never goes back.
Task<void> save_use(pg::Pool& pool, std::vector<BranchUse> use);

}  // namespace howdah::control::route_store
