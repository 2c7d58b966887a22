// SPDX-License-Identifier: Apache-2.0
// The catalog's schema, version by version (sql/NNNN_name.sql, compiled into howdahd). Forward
// only: a file that was released is never changed again.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "pg/connection.h"

namespace howdah::control {

struct Migration {
  int version = 0;       // 1, 2, 3, ... without a gap
  std::string name;      // "initial"
  std::string sql;       // one transaction; no BEGIN or COMMIT of its own
  std::string checksum;  // SHA-256 of sql, hex
};

// Those of this binary, in order.
const std::vector<Migration>& embedded_migrations();
// From file names and texts, in order. Errors: config_invalid for a wrong name or a gap.
Result<std::vector<Migration>> read_migrations(
    const std::vector<std::pair<std::string, std::string>>& files);

// Brings the catalog to the last migration, in one transaction, while holding an advisory lock: of
// several starting at once, one works and the others wait.
// before: runs once, ahead of the first of them, when the catalog already holds a version.
// Errors: unsupported when the catalog is newer than `migrations`; internal when an applied one
// differs from ours; what `before` returns.
Task<void> apply_migrations(pg::Connection& connection, std::vector<Migration> migrations,
                            std::function<Task<void>()> before);

}  // namespace howdah::control
