// SPDX-License-Identifier: Apache-2.0
// SQL of databases, their main branch, owner role and credentials.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/databases/credential.h"
#include "control/databases/database.h"
#include "control/databases/new_database.h"
#include "control/envelope.h"
#include "control/principal.h"
#include "pg/pool.h"

namespace howdah::control::database_store {

struct Insert {
  DatabaseId id;
  BranchId main_branch;
  NodeId node_id;
  OrganisationId organisation_id;
  NewDatabase wanted;
  std::string created_by;
};
// Both in status creating. Returns created_at. Errors: conflict when the name is taken.
Task<Timestamp> insert(pg::Connection& connection, Insert row);

struct Claimed {
  DatabaseId id;
  BranchId main_branch;
  InstanceId instance_id;
  std::string slug;
  int pg_major = 0;
  std::string size_class;
  std::uint64_t system_identifier = 0;
  Credential credential;
};
// Writes what the claim brought, with owner role and credential. activate: it is usable from now.
Task<void> store_claim(pg::Connection& connection, Claimed claimed, bool activate);
Task<void> activate(pg::Connection& connection, DatabaseId id);

// Deleted ones included. Errors: not_found.
Task<Database> find(pg::Pool& pool, DatabaseId id);

struct Filter {
  OrganisationId organisation_id;
  std::optional<DatabaseId> only;  // of a key for one database
  bool deleted_too = false;
};
Task<std::vector<Database>> list(pg::Pool& pool, Filter filter, Page page);
// By status, for metrics.
Task<std::vector<std::pair<std::string, std::int64_t>>> count_by_status(pg::Pool& pool);

// Errors: database_deleted when it is already.
Task<Timestamp> mark_deleted(pg::Connection& connection, DatabaseId id, std::chrono::days keep);
struct BranchPlace {
  BranchId id;
  InstanceId instance_id;  // empty: none
};
Task<std::vector<BranchPlace>> branches(pg::Pool& pool, DatabaseId id);
// Forgets it for ever, if its status (and, for a deleted one, its purge date) still allows it.
// False: it does not, and nothing happened.
Task<bool> remove_creating(pg::Connection& connection, DatabaseId id);
Task<bool> remove_purgeable(pg::Connection& connection, DatabaseId id);

struct OwnerLogin {
  std::string role;
  std::optional<Credential> credential;  // the newest that is valid
  std::string problem;                   // why the one set by SQL cannot be used; empty: none
};
// role: the full name; empty: the owner. Errors: not_found.
Task<OwnerLogin> login(pg::Pool& pool, DatabaseId id, std::string role);

}  // namespace howdah::control::database_store
