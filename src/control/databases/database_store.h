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

// The same, locked until the end of the transaction.
Task<Database> lock(pg::Connection& connection, DatabaseId id);
// Writes what a PATCH may change. Returns it with its new version. Errors: conflict when the name
// is taken.
Task<Database> update(pg::Connection& connection, Database database);

struct Filter {
  OrganisationId organisation_id;
  std::optional<DatabaseId> only;  // of a key for one database
  bool deleted_too = false;
};
Task<std::vector<Database>> list(pg::Pool& pool, Filter filter, Page page);
// By status, for metrics.
Task<std::vector<std::pair<std::string, std::int64_t>>> count_by_status(pg::Pool& pool);

struct BranchPlace {
  BranchId id;
  InstanceId instance_id;  // empty: none
};
Task<std::vector<BranchPlace>> branches(pg::Pool& pool, DatabaseId id);
// For RoutePublisher::publish().
Task<std::vector<BranchId>> branch_ids(pg::Pool& pool, DatabaseId id);
// Forgets one that was never finished. False: it is not in that state, and nothing happened.
Task<bool> remove_creating(pg::Connection& connection, DatabaseId id);

struct OwnerLogin {
  std::string role;
  std::optional<Credential> credential;  // the newest that is valid
  std::string problem;                   // why the one set by SQL cannot be used; empty: none
};
// role: the full name; empty: the owner. Errors: not_found.
Task<OwnerLogin> login(pg::Pool& pool, DatabaseId id, std::string role);

}  // namespace howdah::control::database_store
