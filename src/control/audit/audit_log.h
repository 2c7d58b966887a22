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

class ChainCheck;
namespace audit_store {
struct Head;
}

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

// A row of the chain by its number and hash (hex): enough to notice later that the chain was cut
// before it.
struct AuditPlace {
  std::int64_t position = 0;
  std::string hash;
};

struct AuditFinding {
  std::int64_t position = 0;  // the first row it is about
  std::string problem;        // "row 7 was changed"
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

  struct Check {
    std::optional<AuditPlace> after = {};     // goes on where an earlier verdict ended
    std::optional<AuditPlace> exported = {};  // a head that was saved elsewhere
    std::int64_t rows_max = INT64_MAX;
    std::chrono::milliseconds time_max{60'000};
  };
  // What became of the exported head; unknown: the end was not reached yet, or none was given.
  // forgotten: it is older than the rows that are kept.
  enum class Exported { unknown, holds, broken, forgotten };
  struct Verdict {
    std::int64_t rows = 0;  // read by this call
    AuditPlace reached;     // the last of them
    AuditPlace head;
    bool complete = false;               // the end was reached
    std::vector<AuditFinding> findings;  // at most kFindingsMax; none: what was read is whole
    Exported exported = Exported::unknown;
  };
  static constexpr std::size_t kFindingsMax = 100;
  // Reads the chain from its beginning, in portions, within one snapshot; changes nothing.
  // Cost: all rows, or as much as `check` allows; 1,000 of them in memory.
  Task<Verdict> verify(pg::Pool& pool, Check check) const;
  Task<Verdict> verify(pg::Pool& pool) const { return verify(pool, Check{}); }

  struct Head {
    AuditPlace place;
    std::optional<Timestamp> at;  // of its row
  };
  Task<Head> head(pg::Pool& pool) const;

 private:
  explicit AuditLog(std::string key) : key_(std::move(key)) {}
  Task<void> bind_head(pg::Connection& connection) const;
  Task<audit_store::Head> append_row(pg::Connection& connection, audit_store::Head head,
                                     Principal caller, AuditEntry entry) const;
  static void note(Verdict& verdict, std::vector<AuditFinding> findings);
  Task<void> begin_chain(pg::Connection& connection, const Check& check, ChainCheck& chain,
                         Verdict& verdict) const;
  Task<void> check_end(pg::Connection& connection, const Check& check, Verdict& verdict) const;
  Task<void> check_exported(pg::Connection& connection, AuditPlace exported,
                            Verdict& verdict) const;

  std::string key_;
};

}  // namespace howdah::control
