// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/api_keys/api_key.h"
#include "control/envelope.h"
#include "pg/pool.h"

namespace howdah::control::api_key_store {

// Neither revoked nor expired; at most `limit`.
Task<std::vector<ApiKey>> read_live(pg::Pool& pool, std::int64_t limit);
// All, oldest first.
Task<std::vector<ApiKey>> list(pg::Pool& pool, Page page);
// Errors: not_found (no such database for key.database_id); sets created_at.
Task<ApiKey> insert(pg::Connection& connection, ApiKey key);
// Errors: not_found. Revoking twice keeps the first time.
Task<ApiKey> revoke(pg::Connection& connection, std::string id);
// What became of a preset with this hash: empty, or whether it is revoked.
Task<std::optional<bool>> find_preset(pg::Connection& connection, std::string hash);
Task<void> revoke_presets(pg::Connection& connection);
Task<void> write_last_used(pg::Pool& pool, std::map<std::string, Timestamp> times);

}  // namespace howdah::control::api_key_store
