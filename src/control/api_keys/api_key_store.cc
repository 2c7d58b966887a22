// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/api_key_store.h"

#include <fmt/format.h>

#include "crypto/encode.h"

namespace howdah::control::api_key_store {
namespace {

constexpr std::string_view kColumns =
    "id, prefix, name, kind, scope, organisation_id, database_id, created_by, created_at, "
    "expires_at, last_used_at, revoked_at, encode(hash, 'hex') AS hash";

ApiKey to_key(const pg::Rows& rows, std::size_t row) {
  ApiKey key;
  key.id = rows.text(row, "id");
  key.prefix = rows.text(row, "prefix");
  key.name = rows.text(row, "name");
  key.kind = rows.text(row, "kind");
  key.scope = parse_scope(rows.text(row, "scope")).value_or(Scope::read);
  key.organisation_id = OrganisationId(rows.text(row, "organisation_id"));
  if (rows.value(row, "database_id")) key.database_id = DatabaseId(rows.text(row, "database_id"));
  key.created_by = rows.text(row, "created_by");
  key.created_at = rows.time(row, "created_at").value_or(Timestamp{});
  key.expires_at = rows.time(row, "expires_at");
  key.last_used_at = rows.time(row, "last_used_at");
  key.revoked_at = rows.time(row, "revoked_at");
  key.hash = crypto::from_hex(rows.text(row, "hash")).value_or(std::string());
  return key;
}

std::vector<ApiKey> to_keys(const pg::Rows& rows) {
  std::vector<ApiKey> keys;
  keys.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) keys.push_back(to_key(rows, row));
  return keys;
}

}  // namespace

Task<std::vector<ApiKey>> read_live(pg::Pool& pool, std::int64_t limit) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(fmt::format("SELECT {} FROM howdah.api_keys WHERE revoked_at IS NULL "
                                      "AND (expires_at IS NULL OR expires_at > now()) LIMIT $1",
                                      kColumns),
                          {pg::param(limit)}));
  co_return to_keys(rows);
}

Task<std::vector<ApiKey>> list(pg::Pool& pool, Page page) {
  std::string where;
  std::vector<pg::Value> parameters{pg::param(page.fetch_count())};
  if (page.after) {
    if (!is_uuid(page.after->id)) co_return std::vector<ApiKey>{};
    where = "WHERE (created_at, id) > ($2, $3)";
    parameters.push_back(pg::param(page.after->at));
    parameters.push_back(pg::param(page.after->id));
  }
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(fmt::format("SELECT {} FROM howdah.api_keys {} "
                                                "ORDER BY created_at, id LIMIT $1",
                                                kColumns, where),
                                    parameters));
  co_return to_keys(rows);
}

Task<ApiKey> insert(pg::Connection& connection, ApiKey key) {
  auto rows = co_await connection.query(
      fmt::format("INSERT INTO howdah.api_keys (id, prefix, hash, name, kind, scope, "
                  "organisation_id, database_id, created_by, expires_at) VALUES "
                  "($1, $2, decode($3, 'hex'), $4, $5, $6, $7, $8, $9, $10) RETURNING {}",
                  kColumns),
      {key.id, key.prefix, crypto::to_hex(key.hash), key.name, key.kind,
       std::string(to_string(key.scope)), key.organisation_id.str(),
       key.database_id ? pg::Value(key.database_id->str()) : pg::Value(), key.created_by,
       key.expires_at ? pg::param(*key.expires_at) : pg::Value()});
  if (!rows && pg::sqlstate(rows.error()) == "23503") {
    co_return fail(ErrorCode::not_found, "there is no such database");
  }
  if (!rows) co_return std::unexpected(std::move(rows).error());
  co_return to_key(*rows, 0);
}

Task<ApiKey> revoke(pg::Connection& connection, std::string id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    fmt::format("UPDATE howdah.api_keys SET revoked_at = "
                                "coalesce(revoked_at, now()) WHERE id = $1 RETURNING {}",
                                kColumns),
                    {id}));
  if (rows.empty()) co_return fail(ErrorCode::not_found, "there is no such API key");
  co_return to_key(rows, 0);
}

Task<std::optional<bool>> find_preset(pg::Connection& connection, std::string hash) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT revoked_at IS NOT NULL AS revoked "
                                          "FROM howdah.api_keys WHERE kind = 'preset' "
                                          "AND hash = decode($1, 'hex')",
                                          {crypto::to_hex(hash)}));
  if (rows.empty()) co_return std::nullopt;
  co_return rows.boolean(0, "revoked");
}

Task<void> revoke_presets(pg::Connection& connection) {
  HOWDAH_CO_CHECK(
      co_await connection.query("UPDATE howdah.api_keys SET revoked_at = now() "
                                "WHERE kind = 'preset' AND revoked_at IS NULL"));
  co_return Result<void>{};
}

Task<void> write_last_used(pg::Pool& pool, std::map<std::string, Timestamp> times) {
  std::string ids, moments;
  for (const auto& [id, time] : times) {
    ids += (ids.empty() ? "" : ",") + id;
    moments += (moments.empty() ? "" : ",") + to_rfc3339(time);
  }
  HOWDAH_CO_CHECK(co_await pool.query(
      "UPDATE howdah.api_keys k SET last_used_at = u.at "
      "FROM unnest(string_to_array($1, ',')::uuid[], string_to_array($2, ',')::timestamptz[]) "
      "AS u (id, at) WHERE k.id = u.id",
      {ids, moments}));
  co_return Result<void>{};
}

}  // namespace howdah::control::api_key_store
