// SPDX-License-Identifier: Apache-2.0
// SQL of firewall rules. Those that were removed stay for a while; nothing but remove() sees them.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/envelope.h"
#include "control/firewall/rule.h"
#include "pg/pool.h"

namespace howdah::control::firewall_store {

struct Branch {
  BranchId id;
  std::string slug;
  bool deleted = false;
};
// Locks the database until the end of the transaction, so that its rules are counted by one caller
// at a time. Returns all of its branches. Errors: not_found, database_deleted.
Task<std::vector<Branch>> lock_database(pg::Connection& connection, DatabaseId id);

struct Insert {
  DatabaseId database_id;
  std::optional<BranchId> branch_id;  // empty: every branch
  NewFirewallRule wanted;
  std::string added_by;
};
struct Inserted {
  FirewallRule rule;
  std::int64_t rules_before = 0;  // of the database
};
// An expired rule of the same network is replaced. Errors: conflict when a live one has it.
Task<Inserted> insert(pg::Connection& connection, Insert row);
// For a database that is being made.
Task<void> insert_first(pg::Connection& connection, DatabaseId id,
                        std::vector<AllowedAddress> addresses, std::string added_by);

struct Removed {
  FirewallRule rule;
  bool now = false;  // false: it was removed before
  std::int64_t rules_left = 0;
};
// Errors: not_found when the database never had it, or long ago.
Task<Removed> remove(pg::Connection& connection, DatabaseId id, std::string rule_id);

struct Filter {
  DatabaseId database_id;
  std::optional<std::string> network;  // only rules of exactly this one
};
// Oldest first; expired ones too.
Task<std::vector<FirewallRule>> list(pg::Pool& pool, Filter filter, Page page);

// Forgets rules that were removed longer ago.
Task<void> prune(pg::Pool& pool, std::chrono::days keep);

}  // namespace howdah::control::firewall_store
