// SPDX-License-Identifier: Apache-2.0
#include "control/organisation/organisation_store.h"

namespace howdah::control::organisation_store {
namespace {

constexpr std::string_view kSelect =
    "SELECT id, name, firewall_default, databases_max, branches_max, storage_bytes_max, "
    "created_at FROM howdah.organisations WHERE id = $1";

Cap cap_of(const pg::Rows& rows, std::string_view column) {
  if (!rows.value(0, column)) return std::nullopt;
  return rows.integer(0, column);
}

Result<Organisation> organisation_of(const pg::Rows& rows) {
  if (rows.empty()) return fail(ErrorCode::not_found, "there is no such organisation");
  return Organisation{OrganisationId(rows.text(0, "id")),
                      rows.text(0, "name"),
                      rows.text(0, "firewall_default"),
                      cap_of(rows, "databases_max"),
                      cap_of(rows, "branches_max"),
                      cap_of(rows, "storage_bytes_max"),
                      rows.time(0, "created_at").value_or(Timestamp{})};
}

}  // namespace

Task<Organisation> find(pg::Pool& pool, OrganisationId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(std::string(kSelect), {pg::param(id.str())}));
  co_return organisation_of(rows);
}

Task<Organisation> lock(pg::Connection& connection, OrganisationId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(std::string(kSelect) + " FOR NO KEY UPDATE",
                                          {pg::param(id.str())}));
  co_return organisation_of(rows);
}

Task<void> update(pg::Connection& connection, Organisation organisation) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.organisations SET firewall_default = $2, databases_max = $3, "
      "branches_max = $4, storage_bytes_max = $5 WHERE id = $1",
      {pg::param(organisation.id.str()), pg::param(organisation.firewall_default),
       pg::param(organisation.databases_max), pg::param(organisation.branches_max),
       pg::param(organisation.storage_bytes_max)}));
  co_return Result<void>{};
}

Task<Room> lock_room(pg::Connection& connection, OrganisationId id) {
  HOWDAH_CO_TRY(const pg::Rows cap,
                co_await connection.query(
                    "SELECT databases_max, branches_max, storage_bytes_max "
                    "FROM howdah.organisations WHERE id = $1 AND (databases_max IS NOT NULL OR "
                    "branches_max IS NOT NULL OR storage_bytes_max IS NOT NULL) FOR NO KEY UPDATE",
                    {pg::param(id.str())}));
  if (cap.empty()) co_return Room{};
  // A statement of its own: one that had to wait for the lock would count as of before it.
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(SELECT count(DISTINCT d.id) AS databases, count(b.id) AS branches,
                         coalesce(sum(coalesce(d.storage_limit_bytes,
                                               (s.details ->> 'storage_bytes')::int8, 0))
                                  FILTER (WHERE b.slug = 'main'), 0)::int8 AS storage_bytes
                       FROM howdah.databases d
                       LEFT JOIN howdah.branches b
                         ON b.database_id = d.id AND b.status <> 'deleted'
                       LEFT JOIN LATERAL (
                         SELECT details FROM howdah.database_stats s WHERE s.branch_id = b.id
                         ORDER BY s.at DESC LIMIT 1) s ON true
                       WHERE d.organisation_id = $1 AND d.status <> 'deleted')",
                    {pg::param(id.str())}));
  co_return Room{cap_of(cap, "databases_max"),     rows.integer(0, "databases"),
                 cap_of(cap, "branches_max"),      rows.integer(0, "branches"),
                 cap_of(cap, "storage_bytes_max"), rows.integer(0, "storage_bytes")};
}

}  // namespace howdah::control::organisation_store
