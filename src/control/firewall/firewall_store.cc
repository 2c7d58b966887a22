// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/firewall_store.h"

#include <fmt/format.h>

namespace howdah::control::firewall_store {
namespace {

constexpr std::string_view kColumns =
    "f.id, f.database_id, f.ip_address, f.description, f.added_by, f.added_at, f.expires_at, "
    "(SELECT b.slug FROM howdah.branches b WHERE b.id = f.branch_id) AS branch";

FirewallRule rule_of(const pg::Rows& rows, std::size_t row) {
  FirewallRule rule;
  rule.id = rows.text(row, "id");
  rule.database_id = DatabaseId(rows.text(row, "database_id"));
  rule.branch = rows.value(row, "branch");
  rule.ip_address = rows.text(row, "ip_address");
  rule.description = rows.text(row, "description");
  rule.added_by = rows.text(row, "added_by");
  rule.added_at = rows.time(row, "added_at").value_or(Timestamp{});
  rule.expires_at = rows.time(row, "expires_at");
  return rule;
}

std::unexpected<Error> no_such_rule() {
  return fail(ErrorCode::not_found, "this database has no such firewall rule",
              "GET /api/databases/{id}/whitelist lists them");
}

}  // namespace

Task<std::vector<Branch>> lock_database(pg::Connection& connection, DatabaseId id) {
  const auto missing = [] { return fail(ErrorCode::not_found, "no database has this id"); };
  if (!is_uuid(id.str())) co_return missing();
  // A branch that is made meanwhile publishes itself.
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query("SELECT d.status AS database_status, b.id, b.slug, "
                                "b.status = 'deleted' AS deleted FROM howdah.databases d "
                                "JOIN howdah.branches b ON b.database_id = d.id "
                                "WHERE d.id = $1 AND d.kind = 'managed' FOR NO KEY UPDATE OF d",
                                {pg::param(id.str())}));
  if (rows.empty()) co_return missing();
  if (rows.text(0, "database_status") == "deleted") {
    co_return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  std::vector<Branch> branches;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    branches.push_back(
        {BranchId(rows.text(row, "id")), rows.text(row, "slug"), rows.boolean(row, "deleted")});
  }
  co_return branches;
}

Task<Inserted> insert(pg::Connection& connection, Insert row) {
  const NewFirewallRule& wanted = row.wanted;
  // The count does not see what the statement itself writes.
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(
          fmt::format(
              R"(WITH f AS (
           INSERT INTO howdah.firewall_rules AS f (organisation_id, database_id, branch_id,
             network, ip_address, description, expires_at, added_by)
           SELECT organisation_id, id, $2::uuid, $3::cidr, $4, $5, $6::timestamptz, $7
           FROM howdah.databases WHERE id = $1
           ON CONFLICT (database_id, coalesce(branch_id, '00000000-0000-0000-0000-000000000000'),
             network) WHERE removed_at IS NULL
           DO UPDATE SET id = gen_random_uuid(), ip_address = excluded.ip_address,
             description = excluded.description, expires_at = excluded.expires_at,
             added_by = excluded.added_by, added_at = now()
           WHERE f.expires_at <= now()
           RETURNING f.*)
         SELECT {}, (SELECT count(*) FROM howdah.firewall_rules r
                     WHERE r.database_id = $1 AND r.removed_at IS NULL) AS rules_before
         FROM f)",
              kColumns),
          {pg::param(row.database_id.str()),
           row.branch_id ? pg::param(row.branch_id->str()) : pg::Value(),
           pg::param(wanted.address.network), pg::param(wanted.address.ip_address),
           pg::param(wanted.description), pg::param(wanted.expires_at), pg::param(row.added_by)}));
  if (!rows.empty()) co_return Inserted{rule_of(rows, 0), rows.integer(0, "rules_before")};
  Error taken{ErrorCode::conflict,
              fmt::format("the whitelist has {} already", wanted.address.network),
              "to change its description or end, remove it and add it again",
              {},
              {{"/ipAddress", "is in the whitelist already"}},
              {}};
  co_return std::unexpected(std::move(taken));
}

Task<void> insert_first(pg::Connection& connection, DatabaseId id,
                        std::vector<AllowedAddress> addresses, std::string added_by) {
  json::array items;
  for (const AllowedAddress& address : addresses) {
    items.push_back({{"network", address.network}, {"ip_address", address.ip_address}});
  }
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(INSERT INTO howdah.firewall_rules (organisation_id, database_id, network, ip_address,
           added_by)
         SELECT d.organisation_id, d.id, a.network, a.ip_address, $3
         FROM howdah.databases d,
           jsonb_to_recordset($2::jsonb) AS a (network cidr, ip_address text)
         WHERE d.id = $1)",
      {pg::param(id.str()), pg::param(json::serialize(items)), pg::param(added_by)}));
  co_return Result<void>{};
}

Task<Removed> remove(pg::Connection& connection, DatabaseId id, std::string rule_id) {
  if (!is_uuid(rule_id)) co_return no_such_rule();
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(fmt::format(R"(WITH f AS (
                           UPDATE howdah.firewall_rules f
                           SET removed_at = coalesce(f.removed_at, now())
                           FROM (SELECT id, removed_at FROM howdah.firewall_rules
                                 WHERE id = $1 AND database_id = $2 FOR UPDATE) was
                           WHERE f.id = was.id
                           RETURNING f.*, was.removed_at IS NULL AS removed_now)
                         SELECT {}, f.removed_now, (SELECT count(*) FROM howdah.firewall_rules r
                                            WHERE r.database_id = $2 AND r.removed_at IS NULL
                                              AND r.id <> $1) AS rules_left
                         FROM f)",
                                                      kColumns),
                                          {pg::param(rule_id), pg::param(id.str())}));
  if (rows.empty()) co_return no_such_rule();
  co_return Removed{rule_of(rows, 0), rows.boolean(0, "removed_now"),
                    rows.integer(0, "rules_left")};
}

Task<std::vector<FirewallRule>> list(pg::Pool& pool, Filter filter, Page page) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(fmt::format(R"(SELECT {} FROM howdah.firewall_rules f
                         WHERE f.database_id = $1 AND f.removed_at IS NULL
                           AND ($2::cidr IS NULL OR f.network = $2)
                           AND ($3::timestamptz IS NULL OR (f.added_at, f.id) > ($3, $4::uuid))
                         ORDER BY f.added_at, f.id LIMIT $5)",
                                                kColumns),
                                    {pg::param(filter.database_id.str()), pg::param(filter.network),
                                     page.after ? pg::param(page.after->at) : pg::Value(),
                                     page.after ? pg::param(page.after->id) : pg::Value(),
                                     pg::param(page.fetch_count())}));
  std::vector<FirewallRule> rules;
  rules.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) rules.push_back(rule_of(rows, row));
  co_return rules;
}

Task<void> prune(pg::Pool& pool, std::chrono::days keep) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "DELETE FROM howdah.firewall_rules WHERE removed_at < now() - make_interval(days => $1)",
      {pg::param(static_cast<std::int64_t>(keep.count()))}));
  co_return Result<void>{};
}

}  // namespace howdah::control::firewall_store
