// SPDX-License-Identifier: Apache-2.0
#include "control/databases/reconciler_store.h"

#include <boost/json.hpp>

namespace howdah::control::reconciler_store {

Task<std::vector<Claim>> claims(pg::Pool& pool, std::vector<std::string> tokens) {
  boost::json::array list(tokens.begin(), tokens.end());
  // Tokens are what somebody gave the node, not necessarily UUIDs.
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT t.token, b.status,
                         coalesce(j.unfinished, false) AS unfinished,
                         coalesce(j.failed, false) AS failed
                       FROM jsonb_array_elements_text($1::jsonb) AS t (token)
                       LEFT JOIN howdah.branches b ON b.id = CASE
                         WHEN t.token ~ '^[0-9a-f-]{36}$' THEN t.token::uuid END
                       LEFT JOIN LATERAL (
                         SELECT bool_or(state IN ('scheduling', 'running', 'cancelling'))
                                  AS unfinished,
                                bool_or(state IN ('failed', 'cancelled')) AS failed
                         FROM howdah.jobs
                         WHERE b.id IS NULL AND kind LIKE 'database.create%'
                           AND payload ->> 'branch_id' = t.token) j ON true)",
                                         {pg::param(boost::json::serialize(list))}));
  std::vector<Claim> claims;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    claims.push_back({rows.text(row, "token"), rows.text(row, "status"),
                      rows.boolean(row, "unfinished"), rows.boolean(row, "failed")});
  }
  co_return claims;
}

Task<std::vector<HalfMade>> half_made(pg::Pool& pool, std::chrono::seconds age) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT d.id, b.id AS branch_id
                       FROM howdah.databases d JOIN howdah.branches b ON b.database_id = d.id
                       WHERE d.status = 'creating'
                         AND d.created_at < now() - make_interval(secs => $1)
                         AND NOT EXISTS (
                           SELECT FROM howdah.jobs j
                           WHERE j.exclusive_key = 'database:' || d.id
                             AND j.state IN ('scheduling', 'running', 'cancelling')))",
                                         {pg::param(static_cast<std::int64_t>(age.count()))}));
  std::vector<HalfMade> found;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    found.push_back({DatabaseId(rows.text(row, "id")), BranchId(rows.text(row, "branch_id"))});
  }
  co_return found;
}

Task<std::vector<InstanceId>> missing(pg::Pool& pool, std::vector<InstanceId> present) {
  boost::json::array list;
  for (const InstanceId& id : present) list.emplace_back(id.str());
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT b.instance_id FROM howdah.branches b
                       WHERE b.status = 'active' AND NOT EXISTS (
                         SELECT FROM jsonb_array_elements_text($1::jsonb) AS p (id)
                         WHERE p.id = b.instance_id))",
                                         {pg::param(boost::json::serialize(list))}));
  std::vector<InstanceId> ids;
  for (std::size_t row = 0; row < rows.size(); ++row)
    ids.emplace_back(rows.text(row, "instance_id"));
  co_return ids;
}

Task<std::optional<DatabaseId>> database_of(pg::Connection& connection, std::string token) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query("SELECT database_id FROM howdah.branches WHERE id::text = $1",
                                {pg::param(token)}));
  if (rows.empty()) co_return std::nullopt;
  co_return DatabaseId(rows.text(0, "database_id"));
}

Task<std::int64_t> inventory_version(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT last_value FROM howdah.inventory_version"));
  co_return rows.integer(0, "last_value");
}

Task<bool> any_deleted(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query("SELECT 1 AS one FROM howdah.databases "
                                                         "WHERE purge_after IS NOT NULL LIMIT 1"));
  co_return !rows.empty();
}

Task<std::vector<DatabaseId>> purgeable(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(
                    "SELECT d.id FROM howdah.databases d, howdah.elapsed_time e "
                    "WHERE d.status = 'deleted' AND d.purge_after <= now() "
                    "AND d.purge_after_elapsed_s <= e.elapsed_s ORDER BY d.purge_after LIMIT 100"));
  std::vector<DatabaseId> due;
  for (std::size_t row = 0; row < rows.size(); ++row) due.emplace_back(rows.text(row, "id"));
  co_return due;
}

}  // namespace howdah::control::reconciler_store
