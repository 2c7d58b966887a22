// SPDX-License-Identifier: Apache-2.0
// How one audit row is bound to the one before it (docs/formats/audit-chain.md). Pure.
#pragma once
#include <string>
#include <string_view>

#include "control/audit/audit_log.h"

namespace howdah::control {

inline constexpr std::size_t kAuditHashSize = 32;

// Every field with its length in front, so that no two different rows have the same text.
std::string canonical_text(const AuditRow& row);
// Hex. key: 32 bytes. row.prev_hash is part of it; row.hash is not looked at.
std::string chain_hash(std::string_view key, const AuditRow& row);

// Hex. Binds the beginning of a chain whose older rows were forgotten to the key. hash: hex.
std::string base_mac(std::string_view key, std::int64_t position, std::string_view hash);

// Hex. Binds the end of the chain to the key, so that nobody else can name an earlier one.
std::string head_mac(std::string_view key, std::int64_t position, std::string_view hash);

// Follows rows in the order of their positions.
class ChainCheck {
 public:
  explicit ChainCheck(std::string key);
  // The chain begins behind this row.
  void begin_behind(std::int64_t position, std::string hash);
  // What is wrong with this row; empty: nothing. A row that is wrong is believed from there on, so
  // that one change is told once and what follows it is still looked at.
  std::vector<AuditFinding> feed(const AuditRow& row);
  std::int64_t position() const { return position_; }
  const std::string& hash() const { return hash_; }

 private:
  std::string key_;
  std::int64_t position_ = 0;
  std::string hash_;
};

}  // namespace howdah::control
