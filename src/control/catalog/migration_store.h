// SPDX-License-Identifier: Apache-2.0
// What the catalog remembers of its own migrations, and the statements that make its database.
#pragma once
#include <string>
#include <vector>

#include "control/catalog/migrations.h"

namespace howdah::control {

struct AppliedMigration {
  int version = 0;
  std::string checksum;
  std::string applied_by;  // "howdahd 0.1.0"
};

namespace migration_store {

// One session at a time. Errors: timeout after two minutes.
Task<void> lock(pg::Connection& connection);
Task<void> unlock(pg::Connection& connection);
// In order of versions. Makes the table of versions where it is missing.
Task<std::vector<AppliedMigration>> read(pg::Connection& connection);
Task<void> begin(pg::Connection& connection);
// Runs the script and records it, in the open transaction.
Task<void> apply(pg::Connection& connection, const Migration& migration);
Task<void> commit(pg::Connection& connection);
Task<void> rollback(pg::Connection& connection);

// On a connection to another database of the instance. True: it was made just now.
Task<bool> ensure_database(pg::Connection& connection, std::string name);

}  // namespace migration_store
}  // namespace howdah::control
