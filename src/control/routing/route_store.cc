// SPDX-License-Identifier: Apache-2.0
#include "control/routing/route_store.h"

#include <boost/json.hpp>

#include "base/json.h"

namespace howdah::control::route_store {
namespace {

// Makes the JSON of model/route.h. A password that is not valid any more is left out, so it does
// not even reach a gate; one that ends later carries its end. So with rules, but the expired ones
// left out: default_closed tells that there are some, or a list that ran out would open the door.
// A password that a user has set by SQL on one branch replaces every older one on that branch.
constexpr std::string_view kSelect = R"(
SELECT jsonb_build_object(
    'branch_id', b.id, 'database_id', d.id, 'instance_id', b.instance_id, 'slug', d.slug,
    'branch', b.slug,
    'state', CASE WHEN b.status = 'deleted' OR d.status = 'deleted' THEN 'deleted'
                  WHEN b.status = 'paused' OR d.status = 'paused' THEN 'paused'
                  ELSE b.route_state END,
    'sealed_reason', b.sealed_reason,
    'logical_databases', jsonb_build_array('tenant_' || d.slug, 'tenant_' || d.slug || '_shadow'),
    'roles', coalesce((
        SELECT jsonb_agg(jsonb_build_object('name', r.name, 'can_login', r.can_login,
            'valid_until', to_char(r.valid_until, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'changed_at', to_char(r.password_changed_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'cut_before', to_char(r.cut_before, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
            'verifiers', coalesce((
              SELECT jsonb_agg(jsonb_build_object('verifier', c.verifier,
                         'generation', c.generation,
                         'valid_until', to_char(c.valid_until, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
                       ORDER BY c.generation DESC)
              FROM howdah.credentials c
              WHERE c.role_id = r.id AND (c.branch_id IS NULL OR c.branch_id = b.id)
                AND (c.valid_until IS NULL OR c.valid_until > now())
                AND NOT EXISTS (SELECT FROM howdah.credentials s
                                WHERE s.role_id = r.id AND s.branch_id = b.id
                                  AND s.sealed_password IS NULL AND s.generation > c.generation)
            ), '[]')) ORDER BY r.name)
        FROM howdah.roles r WHERE r.database_id = d.id AND r.deleted_at IS NULL), '[]'),
    'rules', coalesce((
        SELECT jsonb_agg(jsonb_build_object('network', f.network, 'expires_at',
                   to_char(f.expires_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY f.network)
        FROM howdah.firewall_rules f
        WHERE f.database_id = d.id AND (f.branch_id IS NULL OR f.branch_id = b.id)
          AND f.removed_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > now())), '[]'),
    'default_closed', o.firewall_default = 'closed' OR EXISTS (
        SELECT FROM howdah.firewall_rules f
        WHERE f.database_id = d.id AND (f.branch_id IS NULL OR f.branch_id = b.id)
          AND f.removed_at IS NULL),
    'max_connections', coalesce(b.max_connections, d.max_connections)) AS route
FROM howdah.branches b
JOIN howdah.databases d ON d.id = b.database_id
JOIN howdah.organisations o ON o.id = d.organisation_id
WHERE d.kind = 'managed' AND d.slug IS NOT NULL AND b.instance_id IS NOT NULL
  AND b.status <> 'creating' AND d.status <> 'creating')";

Result<std::vector<Route>> routes_of(const pg::Rows& rows) {
  std::vector<Route> routes;
  routes.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    HOWDAH_TRY(const auto value, parse_json(rows.text(row, "route")));
    HOWDAH_TRY(Route route, route_from_json(value));
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace

Task<std::uint64_t> next_epoch(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT nextval('howdah.route_version') AS epoch"));
  co_return static_cast<std::uint64_t>(rows.integer(0, "epoch"));
}

Task<std::vector<Route>> load_all(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(std::string(kSelect)));
  co_return routes_of(rows);
}

Task<std::vector<Route>> load(pg::Pool& pool, std::vector<BranchId> ids) {
  std::string list = "{";
  for (const BranchId& id : ids) list += (list.size() > 1 ? "," : "") + id.str();
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(std::string(kSelect) + " AND b.id = ANY ($1::uuid[])",
                                    {pg::param(list + "}")}));
  co_return routes_of(rows);
}

Task<void> save_use(pg::Pool& pool, std::vector<BranchUse> use) {
  boost::json::array items;
  for (const BranchUse& one : use) {
    items.push_back({{"branch_id", one.branch_id.str()},
                     {"open_sessions", one.open_sessions},
                     {"last_activity", to_rfc3339(one.last_activity)}});
  }
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(INSERT INTO howdah.branch_runs AS r (branch_id, open_sessions, last_activity_at)
         SELECT u.branch_id, u.open_sessions, u.last_activity
         FROM jsonb_to_recordset($1::jsonb)
           AS u (branch_id uuid, open_sessions integer, last_activity timestamptz)
         JOIN howdah.branches b ON b.id = u.branch_id
         ON CONFLICT (branch_id) DO UPDATE SET open_sessions = excluded.open_sessions,
           last_activity_at = greatest(r.last_activity_at, excluded.last_activity_at))",
      {pg::param(boost::json::serialize(items))}));
  co_return Result<void>{};
}

}  // namespace howdah::control::route_store
