// SPDX-License-Identifier: Apache-2.0
// The database and the branch that a call about an instance is for.
#pragma once
#include "control/databases/database.h"
#include "control/envelope.h"
#include "pg/pool.h"

namespace howdah::control {

// One that has an instance. Errors: not_found, database_deleted, conflict while it is being made.
Task<Database> find_ready_database(pg::Pool& pool, DatabaseId id);

// Takes `branch` from the query, before its finish(). Errors: not_found for any but main, the only
// one there is.
Result<void> read_main_branch(QueryReader& query);

}  // namespace howdah::control
