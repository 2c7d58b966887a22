// SPDX-License-Identifier: Apache-2.0
#include "control/databases/admission.h"

#include <utility>

#include "control/databases/database_store.h"
#include "control/databases/lifecycle_store.h"
#include "control/organisation/organisation.h"

namespace howdah::control {
namespace {

Result<void> check_not_protected(const Database& database) {
  if (!database.is_protected) return {};
  return fail(ErrorCode::conflict, "the database is protected",
              "lift the protection first: PATCH it with protected false");
}

Result<void> check_can_pause(const Database& database) {
  HOWDAH_CHECK(check_not_deleted(database));
  if (database.status == "active" || database.status == "paused" || database.status == "failed") {
    return {};
  }
  return fail(ErrorCode::conflict, "the database is still being made", "try again in a moment");
}

Task<void> check_can_come_back(pg::Connection& connection, Database database, OrganisationId id) {
  if (database.status != "deleted") co_return Result<void>{};
  if (database.purge_after <= now()) {
    co_return fail(ErrorCode::database_deleted,
                   "the database cannot be brought back: its time was over at " +
                       to_rfc3339(database.purge_after.value_or(Timestamp{})));
  }
  HOWDAH_CO_TRY(const bool taken, co_await lifecycle_store::name_is_taken(connection, database.id));
  if (taken) {
    co_return fail(ErrorCode::conflict,
                   "another database has the name " + database.name.value_or("") + " by now",
                   "give that one another name (PATCH name), then undelete this one");
  }
  co_return co_await check_room_for_database(connection, std::move(id));
}

}  // namespace

std::string exclusive_key(const DatabaseId& id) {
  return "database:" + id.str();
}

Task<Database> admit(pg::Connection& connection, DatabaseWish wish) {
  HOWDAH_CO_TRY(const Database database, co_await database_store::lock(connection, wish.id));
  HOWDAH_CO_CHECK(wish.preconditions.check(std::to_string(database.version)));
  switch (wish.action) {
    case DatabaseAction::pause:
    case DatabaseAction::resume:
      HOWDAH_CO_CHECK(check_can_pause(database));
      break;
    case DatabaseAction::remove:
      HOWDAH_CO_CHECK(check_not_deleted(database));
      HOWDAH_CO_CHECK(check_not_protected(database));
      break;
    case DatabaseAction::purge:
      HOWDAH_CO_CHECK(check_not_protected(database));
      break;
    case DatabaseAction::undelete:
      HOWDAH_CO_CHECK(
          co_await check_can_come_back(connection, database, wish.caller.organisation_id));
      break;
  }
  co_return database;
}

bool is_done_already(DatabaseAction action, const Database& database) {
  switch (action) {
    case DatabaseAction::pause:
      return database.status == "paused";
    case DatabaseAction::resume:
    case DatabaseAction::undelete:
      return database.status == "active";
    case DatabaseAction::remove:
    case DatabaseAction::purge:
      break;
  }
  return false;
}

}  // namespace howdah::control
