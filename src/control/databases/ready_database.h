// SPDX-License-Identifier: Apache-2.0
// The database and the branch that a call about an instance is for.
#pragma once
#include "control/databases/database.h"
#include "control/envelope.h"
#include "pg/pool.h"

namespace howdah::control {

// One that has an instance. Errors: not_found, database_deleted, conflict while it is being made.
Task<Database> find_ready_database(pg::Pool& pool, DatabaseId id);

// The one {id} in the request's path. Errors: the same.
Task<Database> find_ready_database(pg::Pool& pool, const http::Request& request);

// The begin of a call about one branch, when all else was taken from the query: takes `branch`,
// ends the query, and finds the database. Errors: invalid_request; not_found for any branch but
// main, the only one there is; those of find_ready_database().
Task<Database> find_branch_database(pg::Pool& pool, const http::Request& request,
                                    QueryReader& query);

}  // namespace howdah::control
