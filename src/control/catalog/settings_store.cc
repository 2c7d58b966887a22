// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/settings_store.h"

#include "base/json.h"

namespace howdah::control::settings_store {

Task<std::optional<boost::json::value>> read(pg::Pool& pool, std::string key) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query("SELECT value FROM howdah.settings "
                                                         "WHERE key = $1 AND value IS NOT NULL",
                                                         {key}));
  if (rows.empty()) co_return std::nullopt;
  HOWDAH_CO_TRY(json::value value, parse_json(rows.text(0, "value")));
  co_return value;
}

Task<void> write_in(pg::Connection& connection, std::string key, boost::json::value value) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "INSERT INTO howdah.settings (key, value) VALUES ($1, $2) "
      "ON CONFLICT (organisation_id, key) DO UPDATE SET value = $2, updated_at = now()",
      {key, json::serialize(value)}));
  co_return Result<void>{};
}

Task<std::optional<std::string>> read_sealed(pg::Pool& pool, std::string key) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT sealed_value FROM howdah.settings "
                                    "WHERE key = $1 AND sealed_value IS NOT NULL",
                                    {key}));
  if (rows.empty()) co_return std::nullopt;
  co_return rows.text(0, "sealed_value");
}

Task<std::string> write_sealed_once(pg::Pool& pool, std::string key, std::string sealed) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "INSERT INTO howdah.settings (key, sealed_value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      {key, sealed}));
  HOWDAH_CO_TRY(const auto winner, co_await read_sealed(pool, key));
  co_return winner.value_or(std::string());
}

}  // namespace howdah::control::settings_store
