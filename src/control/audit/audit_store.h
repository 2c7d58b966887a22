// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <vector>

#include "control/audit/audit_log.h"

namespace howdah::control::audit_store {

struct Head {
  std::int64_t position = 0;
  std::string hash;  // hex
  std::string mac;   // hex; empty: not bound to the key yet
  Timestamp at;      // the catalog's clock
};
// Waits for any other transaction that appends; held until the end of this one.
Task<Head> lock_head(pg::Connection& connection);
// Inserts the row and moves the head onto it. mac: hex, of the new head.
Task<void> insert(pg::Connection& connection, AuditRow row, std::string mac);
// Only where the head has none. mac: hex.
Task<void> bind_head(pg::Connection& connection, std::string mac);

// Every statement until the end sees the same rows.
Task<void> begin_snapshot(pg::Connection& connection);
Task<void> end_snapshot(pg::Connection& connection);
Task<Head> read_head(pg::Connection& connection);
// In order of positions, from the one behind `position`.
Task<std::vector<AuditRow>> read_after(pg::Connection& connection, std::int64_t position,
                                       std::int64_t limit);
// Empty: no such row.
Task<std::optional<AuditRow>> read_row(pg::Connection& connection, std::int64_t position);
// How many rows there are up to this one.
Task<std::int64_t> count_through(pg::Connection& connection, std::int64_t position);
// What a list is narrowed to; empty parts do not.
struct Filter {
  std::optional<std::int64_t> before;  // positions
  // Exactly, or for one that ends in a dot all that begin so.
  std::optional<std::string> action;
  std::optional<std::string> actor, subject, request_id;
  std::optional<DatabaseId> database_id;
  std::optional<bool> failed;
  std::optional<Timestamp> since, until;  // [since, until)
};
// Newest first.
Task<std::vector<AuditRow>> list(pg::Pool& pool, Filter filter, std::int64_t limit);

// Where the chain begins, after rows were forgotten.
struct Base {
  std::int64_t position = 0;  // the last one that is gone
  std::string hash;           // hex, of that row
  std::string mac;            // hex
};
Task<std::optional<Base>> read_base(pg::Connection& connection);
// The last row of those older than `before` that one call may forget: those of the oldest seven
// days, so a clock that jumped does little harm. Never the newest row. Empty: none.
Task<std::optional<Base>> find_base(pg::Connection& connection, Timestamp before);
// Moves the beginning and deletes what lies before it; returns how many rows.
Task<std::int64_t> forget_through(pg::Connection& connection, Base base);

}  // namespace howdah::control::audit_store
