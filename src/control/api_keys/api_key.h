// SPDX-License-Identifier: Apache-2.0
// What an API key looks like and what is known about one. Pure.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "control/principal.h"

namespace howdah::control {

std::string_view to_string(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);

// standard: made through the API. preset: came with --preset-key-file. session: never in the
// catalog, ends with the process that asked for it.
struct ApiKey {
  std::string id;      // UUID
  std::string prefix;  // readable and unique: "k3v9x2ab" of "hwd_k3v9x2ab_..."
  std::string name;
  std::string kind = "standard";
  Scope scope = Scope::read;
  OrganisationId organisation_id = kDefaultOrganisation;
  std::optional<DatabaseId> database_id;
  std::string created_by;
  Timestamp created_at;
  std::optional<Timestamp> expires_at;
  std::optional<Timestamp> last_used_at;
  std::optional<Timestamp> revoked_at;
  std::string hash;  // 32 bytes: SHA-256 of the whole key
};

// "hwd_<prefix>_<secret>": 43 characters of A-Z a-z 0-9 are 256 random bits.
std::string make_api_key(const std::string& prefix);
std::string make_key_prefix();
// Under which prefix a key is filed: its own, or for a text of another form (a preset) one that is
// derived from it. Any text is accepted.
std::string prefix_of_key(std::string_view key);

// With its ETag, so that a row of a list tells what DELETE with If-Match takes.
boost::json::object to_json(const ApiKey& key);
// For Preconditions::check.
std::string revision_of(const ApiKey& key);

}  // namespace howdah::control
