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

Result<void> read_main_branch(QueryReader& query) {
  const auto branch = query.text("branch");
  if (!branch || *branch == "main") return {};
  return fail(ErrorCode::not_found, "this database has no branch of that name");
}

}  // namespace howdah::control
