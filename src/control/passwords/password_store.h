// SPDX-License-Identifier: Apache-2.0
// SQL of roles' passwords: their generations, and what gates tell about them.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/databases/credential.h"
#include "control/envelope.h"
#include "model/role_change.h"
#include "pg/pool.h"

namespace howdah::control::password_store {

// Generations of one role that are kept: the newest.
inline constexpr std::int64_t kKept = 20;

struct RolePasswords {
  std::string role_id;
  std::string role;
  std::string slug;             // of the database
  std::string friendly_name;    // of the database
  std::int64_t generation = 0;  // the newest, valid or not
  std::int64_t valid_count = 0;
  std::string verifier;  // the newest of the database itself that is valid; empty: none is
};
// role: the full name; empty: the owner.
// Errors: not_found, database_deleted, conflict while the database is being made.
Task<RolePasswords> find(pg::Pool& pool, DatabaseId id, std::string role);
// The same, and nobody else changes the role's passwords until the end of the transaction.
Task<RolePasswords> lock(pg::Connection& connection, DatabaseId id, std::string role);

struct Rotation {
  std::string role_id;
  Credential credential;
  std::chrono::seconds grace{0};
  bool cut_sessions = false;
};
// A new generation; those that are valid now end after the grace at the latest.
Task<void> rotate(pg::Connection& connection, Rotation rotation);
// Ends all valid generations but the newest; how many.
Task<std::int64_t> end_older(pg::Connection& connection, std::string role_id, bool cut_sessions);

struct ChangedRole {
  DatabaseId database_id;
  std::vector<BranchId> branches;  // of the database
  std::string branch;              // where it was changed
  std::int64_t generation = 0;     // the new one; 0: the password is the same, or cannot be used
};
// What a user has changed by SQL. Empty: it is known, or something later is; or there is no such
// role or branch (any more).
Task<std::optional<ChangedRole>> take_change(pg::Connection& connection, RoleChange change);

// Those that are gone meanwhile are passed over.
Task<void> save_logins(pg::Pool& pool, std::vector<LoginSeen> logins);

struct Row {
  std::string id;
  std::string role;
  std::optional<std::string> branch;  // empty: every branch
  std::int64_t generation = 0;
  bool by_sql = false;
  bool valid = false;
  Timestamp valid_from;
  std::optional<Timestamp> valid_until;
  std::optional<Timestamp> last_seen;
  Timestamp created_at;
  bool can_login = true;  // of the role
  std::optional<Timestamp> role_valid_until;
  std::string problem;
};
// Without any secret.
Task<std::vector<Row>> list(pg::Pool& pool, DatabaseId id, Page page);

}  // namespace howdah::control::password_store
