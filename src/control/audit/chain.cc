// SPDX-License-Identifier: Apache-2.0
#include "control/audit/chain.h"

#include <fmt/format.h>

#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::control {

std::string canonical_text(const AuditRow& row) {
  std::string text = "howdah audit 1\n";
  const auto add = [&text](std::string_view value) {
    text += fmt::format("{}:{}\n", value.size(), value);
  };
  add(row.prev_hash);
  add(std::to_string(row.position));
  add(to_rfc3339(row.at));
  add(row.organisation_id.str());
  add(row.actor);
  add(row.action);
  add(row.subject);
  add(row.database_id);
  add(row.remote_address);
  add(row.request_id);
  add(row.details);
  return text;
}

std::string chain_hash(std::string_view key, const AuditRow& row) {
  return crypto::to_hex(crypto::hmac_sha256(key, canonical_text(row)));
}

ChainCheck::ChainCheck(std::string key)
    : key_(std::move(key)), hash_(std::string(2 * kAuditHashSize, '0')) {}

std::string base_mac(std::string_view key, std::int64_t position, std::string_view hash) {
  return crypto::to_hex(
      crypto::hmac_sha256(key, fmt::format("howdah audit base 1\n{}\n{}\n", position, hash)));
}

std::string head_mac(std::string_view key, std::int64_t position, std::string_view hash) {
  return crypto::to_hex(
      crypto::hmac_sha256(key, fmt::format("howdah audit head 1\n{}\n{}\n", position, hash)));
}

void ChainCheck::begin_behind(std::int64_t position, std::string hash) {
  position_ = position;
  hash_ = std::move(hash);
}

std::vector<AuditFinding> ChainCheck::feed(const AuditRow& row) {
  std::vector<AuditFinding> findings;
  const std::int64_t expected = position_ + 1;
  if (row.position > expected) {
    findings.push_back(
        {expected, row.position == expected + 1
                       ? fmt::format("row {} is missing", expected)
                       : fmt::format("rows {} to {} are missing", expected, row.position - 1)});
  } else if (!crypto::constant_time_equal(row.prev_hash, hash_)) {
    findings.push_back(
        {row.position, fmt::format("row {} does not follow row {}", row.position, position_)});
  }
  if (!crypto::constant_time_equal(row.hash, chain_hash(key_, row))) {
    findings.push_back({row.position, fmt::format("row {} was changed", row.position)});
  }
  position_ = row.position;
  hash_ = row.hash;
  return findings;
}

}  // namespace howdah::control
