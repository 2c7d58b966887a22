// SPDX-License-Identifier: Apache-2.0
// What a caller may want done with a whole database, and whether it may be done now.
#pragma once
#include <string>

#include "control/databases/database.h"
#include "control/etag.h"
#include "control/platform.h"

namespace howdah::control {

enum class DatabaseAction { pause, resume, remove, purge, undelete };

struct DatabaseWish {
  DatabaseAction action = DatabaseAction::pause;
  DatabaseId id;
  Preconditions preconditions = {};
  std::string reason = {};  // of a pause
  Principal caller = {};
  std::string request_id = {};
};

// "database:<id>": no two unfinished jobs on a database.
std::string exclusive_key(const DatabaseId& id);

// The first part of the transaction that starts the work: locks the database and judges the wish,
// other work on it apart. Returns it as it is. Errors: not_found, precondition_failed,
// database_deleted, conflict, limit_reached.
Task<Database> admit(pg::Connection& connection, DatabaseWish wish);

// Whether the wish was fulfilled before: doing it again only tells gates and node again.
bool is_done_already(DatabaseAction action, const Database& database);

}  // namespace howdah::control
