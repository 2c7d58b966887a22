// SPDX-License-Identifier: Apache-2.0
// The platform's SQL about the roles of an instance: their passwords as pg_authid has them, and a
// mark that names their state. Runs as howdah_admin, like all of provision_store.h.
//
// A password is "SCRAM-SHA-256$...", empty for none, or "!" and why it cannot be used: "!md5",
// "!malformed". What is read comes from a hostile place: only its form is checked here.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "instance/place.h"
#include "net/task.h"
#include "pg/connection.h"

namespace howdah::instance {

struct RoleInside {
  std::string name;
  std::string password;
  bool can_login = true;
  std::optional<Timestamp> valid_until = {};
};
struct RolesInside {
  std::vector<RoleInside> roles;  // at most 1,000; none of PostgreSQL's or the platform's
  std::string mark;               // as written last; empty: never
};

// connection: of admin_options(), whose statements the server's log never shows.
Task<RolesInside> read_roles(pg::Connection& connection);

// Begins a transaction; alone: in which nobody else changes roles. Errors: conflict when another
// transaction has changed a role and goes on for two seconds. A connection that is destroyed inside
// it changes nothing.
Task<void> begin_role_change(pg::Connection& connection, bool alone);

struct RoleWrite {
  std::string name;
  std::string password;  // a verifier, or empty for none
};
// Writes the passwords, notes the mark, and commits. Errors: invalid_request for a text that the
// server would take for a plain password, not_found for a role that is not there.
Task<void> commit_role_change(pg::Connection& connection, std::vector<RoleWrite> roles,
                              std::string mark);

}  // namespace howdah::instance
