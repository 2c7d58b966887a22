// SPDX-License-Identifier: Apache-2.0
#include "control/databases/ready_database.h"

#include <utility>

#include "control/databases/database_store.h"

namespace howdah::control {

Task<Database> find_ready_database(pg::Pool& pool, DatabaseId id) {
  HOWDAH_CO_TRY(Database database, co_await database_store::find(pool, std::move(id)));
  if (database.status == "deleted") {
    co_return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  if (database.slug.empty()) {
    co_return fail(ErrorCode::conflict, "the database is still being made",
                   "try again in a moment");
  }
  co_return database;
}

Task<Database> find_ready_database(pg::Pool& pool, const http::Request& request) {
  return find_ready_database(pool, DatabaseId(request.parameters.at("id")));
}

Task<Database> find_branch_database(pg::Pool& pool, const http::Request& request,
                                    QueryReader& query) {
  const auto branch = query.text("branch");
  HOWDAH_CO_CHECK(query.finish());
  if (branch && *branch != "main") {
    co_return fail(ErrorCode::not_found, "this database has no branch of that name");
  }
  co_return co_await find_ready_database(pool, request);
}

}  // namespace howdah::control
