// SPDX-License-Identifier: Apache-2.0
// Small facts of the platform in howdah.settings: in clear, or sealed by the caller.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>

#include "crypto/keyring.h"
#include "pg/pool.h"

namespace howdah::control::settings_store {

// Empty: not set.
Task<std::optional<boost::json::value>> read(pg::Pool& pool, std::string key);
Task<void> write_in(pg::Connection& connection, std::string key, boost::json::value value);

Task<std::optional<std::string>> read_sealed(pg::Pool& pool, std::string key);
// Writes it where nothing is set; returns what is set then: of two at once, both get the winner's.
Task<std::string> write_sealed_once(pg::Pool& pool, std::string key, std::string sealed);
// What a sealed setting is bound to.
inline crypto::SealPlace seal_place(const std::string& key) {
  return {"settings", key, "sealed_value", 1};
}

}  // namespace howdah::control::settings_store
