// SPDX-License-Identifier: Apache-2.0
#include "control/stats/stats_store.h"

#include "base/json.h"
#include "model/names.h"
#include "pg/platform_session.h"

namespace howdah::control::stats_store {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kDeadline = 2s;

Task<json::array> ask_databases(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(
                                         R"(SELECT d.datname AS name, r.rolname AS owner,
                         z.size_bytes,
                         pg_catalog.pg_encoding_to_char(d.encoding) AS encoding,
                         d.datcollate AS collation, coalesce(s.numbackends, 0) AS connections
                       FROM pg_catalog.pg_database d
                       JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
                       LEFT JOIN howdah.database_sizes() z ON z.oid = d.oid
                       LEFT JOIN pg_catalog.pg_stat_database s ON s.datid = d.oid
                       WHERE NOT d.datistemplate AND d.datallowconn
                       ORDER BY d.datname LIMIT $1)",
                                         {pg::param(kLogicalDatabasesMax)}, kDeadline));
  json::array list;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    list.push_back(json::object{{"name", rows.text(row, "name")},
                                {"owner", rows.text(row, "owner")},
                                {"size_bytes", rows.integer(row, "size_bytes")},
                                {"encoding", rows.text(row, "encoding")},
                                {"collation", rows.text(row, "collation")},
                                {"connections", rows.integer(row, "connections")}});
  }
  co_return list;
}

}  // namespace

Task<Sample> ask(std::string socket_directory, std::string slug) {
  pg::ConnectOptions options =
      pg::monitor_session({std::move(socket_directory), "postgres", "howdah stats"});
  options.timeout = kDeadline;
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(WITH z AS MATERIALIZED (SELECT oid, size_bytes FROM howdah.database_sizes())
                       SELECT (SELECT z.size_bytes FROM z WHERE z.oid = d.datid) AS size_bytes,
                         (SELECT sum(z.size_bytes)::int8 FROM z) AS instance_size_bytes,
                         d.xact_commit, d.xact_rollback, d.blks_read, d.blks_hit, d.deadlocks,
                         d.temp_bytes, d.tup_returned, d.tup_inserted + d.tup_updated +
                           d.tup_deleted AS tup_changed, d.numbackends
                       FROM pg_catalog.pg_stat_database d WHERE d.datname = $1)",
                    {pg::param(tenant_database(slug))}, kDeadline));
  if (rows.empty()) co_return fail(ErrorCode::not_found, "the instance has no such database");
  Sample sample;
  sample.at = now();
  sample.size_bytes = static_cast<ByteCount>(rows.integer(0, "size_bytes"));
  sample.active_connections = rows.integer(0, "numbackends");
  for (const std::string& column : rows.columns()) {
    if (column != "size_bytes" && column != "numbackends") {
      sample.details[column] = rows.integer(0, column);
    }
  }
  HOWDAH_CO_TRY(sample.logical_databases, co_await ask_databases(connection));
  co_return sample;
}

Task<std::vector<BranchOfDatabase>> branches(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT b.id, b.database_id, b.instance_id, d.slug
                       FROM howdah.branches b JOIN howdah.databases d ON d.id = b.database_id
                       WHERE b.status = 'active' AND d.kind = 'managed')"));
  std::vector<BranchOfDatabase> list;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    list.push_back({DatabaseId(rows.text(row, "database_id")), BranchId(rows.text(row, "id")),
                    InstanceId(rows.text(row, "instance_id")), rows.text(row, "slug")});
  }
  co_return list;
}

Task<void> save(pg::Pool& pool, BranchOfDatabase branch, Sample sample) {
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(INSERT INTO howdah.database_stats
           (branch_id, at, organisation_id, database_id, size_bytes, active_connections, details)
         SELECT b.id, $2, b.organisation_id, b.database_id, $3, $4, $5::jsonb
         FROM howdah.branches b WHERE b.id = $1
         ON CONFLICT DO NOTHING)",
      {pg::param(branch.branch_id.str()), pg::param(sample.at),
       pg::param(static_cast<std::int64_t>(sample.size_bytes)),
       pg::param(sample.active_connections), pg::param(json::serialize(sample.details))}));
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(INSERT INTO howdah.branch_contents
           (branch_id, organisation_id, databases_at, logical_databases)
         SELECT b.id, b.organisation_id, $2, $3::jsonb FROM howdah.branches b WHERE b.id = $1
         ON CONFLICT (branch_id) DO UPDATE SET databases_at = excluded.databases_at,
           logical_databases = excluded.logical_databases)",
      {pg::param(branch.branch_id.str()), pg::param(sample.at),
       pg::param(json::serialize(sample.logical_databases))}));
  co_return Result<void>{};
}

Task<LogicalDatabases> logical_databases(pg::Pool& pool, BranchId branch) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT databases_at, logical_databases "
                                    "FROM howdah.branch_contents WHERE branch_id = $1",
                                    {pg::param(branch.str())}));
  LogicalDatabases found;
  if (rows.empty()) co_return found;
  found.at = rows.time(0, "databases_at");
  HOWDAH_CO_TRY(const json::value list, parse_json(rows.text(0, "logical_databases")));
  if (list.is_array()) found.list = list.get_array();
  co_return found;
}

Task<std::optional<Sample>> last(pg::Pool& pool, BranchId branch) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT at, size_bytes, active_connections, details
                       FROM howdah.database_stats WHERE branch_id = $1 ORDER BY at DESC LIMIT 1)",
                                         {pg::param(branch.str())}));
  if (rows.empty()) co_return std::nullopt;
  HOWDAH_CO_TRY(const json::value details, parse_json(rows.text(0, "details")));
  Sample sample{rows.time(0, "at").value_or(Timestamp{}),
                static_cast<ByteCount>(rows.integer(0, "size_bytes")),
                rows.integer(0, "active_connections"),
                {},
                {}};
  if (details.is_object()) sample.details = details.get_object();
  co_return sample;
}

Task<std::int64_t> prune(pg::Pool& pool, std::chrono::days keep) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("DELETE FROM howdah.database_stats "
                                    "WHERE at < now() - make_interval(days => $1)",
                                    {pg::param(static_cast<std::int64_t>(keep.count()))}));
  co_return rows.affected();
}

}  // namespace howdah::control::stats_store
