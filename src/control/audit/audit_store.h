// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "control/audit/audit_log.h"

namespace howdah::control::audit_store {

struct Head {
  std::int64_t position = 0;
  std::string hash;  // hex
  Timestamp at;      // the catalog's clock
};
// Waits for any other transaction that appends; held until the end of this one.
Task<Head> lock_head(pg::Connection& connection);
// Inserts the row and moves the head onto it.
Task<void> insert(pg::Connection& connection, AuditRow row);

// Every statement until the end sees the same rows.
Task<void> begin_snapshot(pg::Connection& connection);
Task<void> end_snapshot(pg::Connection& connection);
Task<Head> read_head(pg::Connection& connection);
// In order of positions, from the one behind `position`.
Task<std::vector<AuditRow>> read_after(pg::Connection& connection, std::int64_t position,
                                       std::int64_t limit);
// Newest first, from the one before `before` (empty: from the newest).
Task<std::vector<AuditRow>> list(pg::Pool& pool, std::optional<std::int64_t> before,
                                 std::int64_t limit);

}  // namespace howdah::control::audit_store
