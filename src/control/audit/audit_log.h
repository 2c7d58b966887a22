// SPDX-License-Identifier: Apache-2.0
// The audit log: one row for every operation, in the transaction that changed something, chained
// by a keyed hash so that an edited, removed or reordered row is noticed
// (docs/formats/audit-chain.md).
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "control/principal.h"
#include "control/secrets/vault.h"
#include "pg/pool.h"

namespace howdah::control {

struct AuditEntry {
  std::string action;   // "database.create": noun.verb
  std::string subject;  // "database:<id>", "api_key:<id>"; empty: none
  std::optional<DatabaseId> database_id = {};
  boost::json::object details = {};  // public facts; never a secret
  std::string request_id = {};
};

struct AuditRow {
  std::int64_t position = 0;  // 1, 2, 3, ... without a gap
  Timestamp at;
  OrganisationId organisation_id;
  std::string actor, action, subject, database_id, remote_address, request_id;
  std::string details;    // JSON text, byte for byte as it was hashed
  std::string prev_hash;  // hex
  std::string hash;       // hex
};

class AuditLog {
 public:
  // Opens the chain's key, made and sealed into the catalog at the first start.
  static Task<AuditLog> open(pg::Pool& pool, const Vault& vault);

  // Adds a row in the caller's transaction. Call it last, just before the end of the transaction:
  // from here on, every other auditing transaction waits for this one.
  // Cost: two statements on the head of the chain.
  Task<void> append(pg::Connection& connection, Principal caller, AuditEntry entry) const;

  static constexpr std::chrono::days kKeep{400};
  // Forgets rows older than `before`, the oldest seven days of them at a time, in the caller's
  // transaction. What stays is a chain that holds, and says so in a row of its own.
  Task<void> forget(pg::Connection& connection, Timestamp before) const;

  struct Verdict {
    std::int64_t rows = 0;
    std::optional<std::int64_t> broken_at;  // first position that is missing or does not fit
    std::string reason;                     // empty: the chain is whole
  };
  // Reads the whole chain, in portions. Cost: all rows.
  Task<Verdict> verify(pg::Pool& pool) const;

 private:
  explicit AuditLog(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace howdah::control
