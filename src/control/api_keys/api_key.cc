// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/api_key.h"

#include "control/etag.h"
#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::control {
namespace {

constexpr std::string_view kMark = "hwd_";
constexpr std::string_view kPrefixAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kPrefixSize = 8;
constexpr std::size_t kSecretSize = 43;

boost::json::value or_null(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  return boost::json::value(to_rfc3339(*time));
}

boost::json::object facts_of(const ApiKey& key) {
  boost::json::object out{{"id", key.id},
                          {"name", key.name},
                          {"prefix", key.prefix},
                          {"kind", key.kind},
                          {"scope", to_string(key.scope)},
                          {"scopes", boost::json::array{to_string(key.scope)}},
                          {"database_id", nullptr},
                          {"created_by", key.created_by},
                          {"created_at", to_rfc3339(key.created_at)},
                          {"expires_at", or_null(key.expires_at)},
                          {"last_used_at", or_null(key.last_used_at)},
                          {"revoked_at", or_null(key.revoked_at)}};
  if (key.database_id) out["database_id"] = key.database_id->str();
  return out;
}

}  // namespace

std::string_view to_string(Scope scope) {
  switch (scope) {
    case Scope::read:
      return "read";
    case Scope::write:
      return "write";
    case Scope::admin:
      break;
  }
  return "admin";
}

std::optional<Scope> parse_scope(std::string_view text) {
  for (const Scope scope : {Scope::read, Scope::write, Scope::admin}) {
    if (text == to_string(scope)) return scope;
  }
  return std::nullopt;
}

std::string make_key_prefix() {
  return crypto::random_text(kPrefixAlphabet, kPrefixSize);
}

std::string make_api_key(const std::string& prefix) {
  return std::string(kMark) + prefix + "_" +
         crypto::random_text(crypto::kPasswordAlphabet, kSecretSize);
}

std::string prefix_of_key(std::string_view key) {
  constexpr std::size_t kBar = kMark.size() + kPrefixSize;
  if (key.size() == kBar + 1 + kSecretSize && key.starts_with(kMark) && key[kBar] == '_') {
    return std::string(key.substr(kMark.size(), kPrefixSize));
  }
  // Of the hash of the hash: the prefix is shown in lists and must not help to guess the key.
  return crypto::to_hex(crypto::sha256(crypto::sha256(key))).substr(0, kPrefixSize);
}

// What never changes of a key: that it is used or revoked does not make it another one.
std::string revision_of(const ApiKey& key) {
  boost::json::object facts = facts_of(key);
  for (const char* field : {"last_used_at", "revoked_at"}) facts.erase(field);
  return content_revision(facts);
}

boost::json::object to_json(const ApiKey& key) {
  boost::json::object out = facts_of(key);
  std::string etag = etag_of(revision_of(key), out);
  out["etag"] = std::move(etag);
  return out;
}

}  // namespace howdah::control
