// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database_store.h"

#include "base/json.h"
#include "model/names.h"

namespace howdah::control::database_store {
namespace {

constexpr std::string_view kSelect = R"(
SELECT d.id, d.slug, d.name, d.friendly_name, d.owner_email, d.status, d.status_reason,
       d.max_connections, d.suspend_after_s, d.pg_major, d.size_class, d.protected, d.created_at,
       d.updated_at, d.paused_at, d.deleted_at, d.purge_after, d.storage_limit_bytes, d.settings,
       d.version, b.id AS branch_id, b.instance_id
FROM howdah.databases d
JOIN howdah.branches b ON b.database_id = d.id AND b.slug = 'main'
  AND (b.status <> 'deleted' OR d.status = 'deleted')
WHERE d.kind = 'managed')";

Database database_of(const pg::Rows& rows, std::size_t row) {
  Database database;
  database.id = DatabaseId(rows.text(row, "id"));
  database.slug = rows.text(row, "slug");
  database.name = rows.value(row, "name");
  database.friendly_name = rows.text(row, "friendly_name");
  database.owner_email = rows.text(row, "owner_email");
  database.status = rows.text(row, "status");
  database.status_reason = rows.text(row, "status_reason");
  database.max_connections = rows.integer(row, "max_connections");
  database.suspend_after_s = rows.integer(row, "suspend_after_s");
  database.pg_major = static_cast<int>(rows.integer(row, "pg_major"));
  database.size_class = rows.text(row, "size_class");
  database.is_protected = rows.boolean(row, "protected");
  database.created_at = rows.time(row, "created_at").value_or(Timestamp{});
  database.updated_at = rows.time(row, "updated_at").value_or(Timestamp{});
  database.paused_at = rows.time(row, "paused_at");
  database.deleted_at = rows.time(row, "deleted_at");
  database.purge_after = rows.time(row, "purge_after");
  if (rows.value(row, "storage_limit_bytes")) {
    database.storage_limit_bytes = rows.integer(row, "storage_limit_bytes");
  }
  database.settings = settings_from_text(rows.text(row, "settings"));
  database.version = rows.integer(row, "version");
  database.main_branch = BranchId(rows.text(row, "branch_id"));
  database.main_instance = InstanceId(rows.text(row, "instance_id"));
  return database;
}

pg::Value or_null(const std::string& text) {
  return text.empty() ? pg::Value() : pg::param(text);
}

// Errors of a statement that puts a name in, as the caller should see them.
Error explain(Error error, const std::optional<std::string>& name) {
  if (pg::sqlstate(error) != "23505" || !name) return error;
  Error taken{ErrorCode::conflict,
              "another database has the name " + *name,
              "choose another name, or leave it out",
              error.detail,
              {{"/name", "is taken"}},
              {}};
  return taken;
}

std::unexpected<Error> no_such_database() {
  return fail(ErrorCode::not_found, "no database has this id");
}

}  // namespace

Task<Timestamp> insert(pg::Connection& connection, Insert row) {
  const NewDatabase& wanted = row.wanted;
  auto rows = co_await connection.query(
      R"(WITH made AS (
           INSERT INTO howdah.databases (id, organisation_id, name, friendly_name, owner_email,
             max_connections, suspend_after_s, pg_major, size_class, created_by,
             storage_limit_bytes, settings, protected)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $13, $14::jsonb, $15)
           RETURNING id, organisation_id, created_at),
         branch AS (
           INSERT INTO howdah.branches (id, organisation_id, database_id, node_id, created_by)
           SELECT $11, organisation_id, id, $12::uuid, $10 FROM made)
         SELECT created_at FROM made)",
      {pg::param(row.id.str()), pg::param(row.organisation_id.str()), pg::param(wanted.name),
       pg::param(wanted.friendly_name), pg::param(wanted.owner_email),
       pg::param(wanted.max_connections), pg::param(wanted.suspend_after_s),
       wanted.pg_major == 0 ? pg::Value() : pg::param(wanted.pg_major),
       pg::param(wanted.size_class), pg::param(row.created_by), pg::param(row.main_branch.str()),
       or_null(row.node_id.str()), pg::param(wanted.storage_limit_bytes),
       pg::param(json::serialize(to_json(wanted.settings))), pg::param(wanted.is_protected)});
  if (!rows) co_return std::unexpected(explain(std::move(rows).error(), wanted.name));
  co_return rows->time(0, "created_at").value_or(now());
}

Task<void> store_claim(pg::Connection& connection, Claimed claimed, bool activate) {
  const std::string status = activate ? "active" : "creating";
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(WITH made AS (
           UPDATE howdah.databases SET slug = $2, pg_major = $3, size_class = $4, status = $5
           WHERE id = $1 RETURNING id, organisation_id, created_by),
         branch AS (
           UPDATE howdah.branches SET instance_id = $6, system_identifier = $7, status = $5,
             archive_prefix = id::text
           WHERE id = $8),
         owner AS (
           INSERT INTO howdah.roles (organisation_id, database_id, name, kind, created_by,
             password_changed_at)
           SELECT organisation_id, id, $9, 'owner', created_by, now() FROM made
           RETURNING id, organisation_id, database_id)
         INSERT INTO howdah.credentials (id, organisation_id, database_id, role_id, generation,
           verifier, sealed_password)
         SELECT $10, organisation_id, database_id, id, $11, $12, $13 FROM owner)",
      {pg::param(claimed.id.str()), pg::param(claimed.slug), pg::param(claimed.pg_major),
       pg::param(claimed.size_class), pg::param(status), pg::param(claimed.instance_id.str()),
       pg::param(std::to_string(claimed.system_identifier)), pg::param(claimed.main_branch.str()),
       pg::param(owner_role(claimed.slug)), pg::param(claimed.credential.id),
       pg::param(claimed.credential.generation), pg::param(claimed.credential.verifier),
       pg::param(claimed.credential.sealed_password)}));
  co_return Result<void>{};
}

Task<void> activate(pg::Connection& connection, DatabaseId id) {
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(WITH branch AS (
           UPDATE howdah.branches SET status = 'active' WHERE database_id = $1 AND slug = 'main')
         UPDATE howdah.databases SET status = 'active' WHERE id = $1)",
      {pg::param(id.str())}));
  co_return Result<void>{};
}

Task<Database> find(pg::Pool& pool, DatabaseId id) {
  if (!is_uuid(id.str())) co_return no_such_database();
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(std::string(kSelect) + " AND d.id = $1",
                                                         {pg::param(id.str())}));
  if (rows.empty()) co_return no_such_database();
  co_return database_of(rows, 0);
}

Task<Database> lock(pg::Connection& connection, DatabaseId id) {
  if (!is_uuid(id.str())) co_return no_such_database();
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(std::string(kSelect) + " AND d.id = $1 FOR UPDATE OF d",
                                          {pg::param(id.str())}));
  if (rows.empty()) co_return no_such_database();
  co_return database_of(rows, 0);
}

Task<Database> update(pg::Connection& connection, Database database) {
  auto rows = co_await connection.query(
      R"(UPDATE howdah.databases SET friendly_name = $2, owner_email = $3, name = $4,
           max_connections = $5, suspend_after_s = $6, size_class = $7, storage_limit_bytes = $8,
           settings = $9::jsonb, protected = $10
         WHERE id = $1 RETURNING version, updated_at)",
      {pg::param(database.id.str()), pg::param(database.friendly_name),
       pg::param(database.owner_email), pg::param(database.name),
       pg::param(database.max_connections), pg::param(database.suspend_after_s),
       pg::param(database.size_class), pg::param(database.storage_limit_bytes),
       pg::param(json::serialize(to_json(database.settings))), pg::param(database.is_protected)});
  if (!rows) co_return std::unexpected(explain(std::move(rows).error(), database.name));
  database.version = rows->integer(0, "version");
  database.updated_at = rows->time(0, "updated_at").value_or(now());
  co_return database;
}

Task<std::vector<Database>> list(pg::Pool& pool, Filter filter, Page page) {
  const pg::Value after_at = page.after ? pg::param(page.after->at) : pg::Value();
  const pg::Value after_id = page.after ? pg::param(page.after->id) : pg::Value();
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(std::string(kSelect) + R"(
          AND d.organisation_id = $1 AND ($2::uuid IS NULL OR d.id = $2)
          AND ($3 OR d.status <> 'deleted')
          AND ($4::timestamptz IS NULL OR (d.created_at, d.id) > ($4, $5::uuid))
        ORDER BY d.created_at, d.id LIMIT $6)",
                                    {pg::param(filter.organisation_id.str()),
                                     filter.only ? pg::param(filter.only->str()) : pg::Value(),
                                     pg::param(filter.deleted_too), after_at, after_id,
                                     pg::param(page.fetch_count())}));
  std::vector<Database> databases;
  for (std::size_t row = 0; row < rows.size(); ++row) databases.push_back(database_of(rows, row));
  co_return databases;
}

Task<std::vector<std::pair<std::string, std::int64_t>>> count_by_status(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT status, count(*) AS n FROM howdah.databases "
                                    "GROUP BY status ORDER BY status"));
  std::vector<std::pair<std::string, std::int64_t>> counts;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    counts.emplace_back(rows.text(row, "status"), rows.integer(row, "n"));
  }
  co_return counts;
}

Task<std::vector<BranchPlace>> branches(pg::Pool& pool, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT id, instance_id FROM howdah.branches "
                                    "WHERE database_id = $1 ORDER BY created_at",
                                    {pg::param(id.str())}));
  std::vector<BranchPlace> places;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    places.push_back({BranchId(rows.text(row, "id")), InstanceId(rows.text(row, "instance_id"))});
  }
  co_return places;
}

Task<std::vector<BranchId>> branch_ids(pg::Pool& pool, DatabaseId id) {
  HOWDAH_CO_TRY(const auto places, co_await branches(pool, std::move(id)));
  std::vector<BranchId> ids;
  for (const BranchPlace& place : places) ids.push_back(place.id);
  co_return ids;
}

Task<bool> remove_creating(pg::Connection& connection, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "DELETE FROM howdah.databases WHERE id = $1 AND status = 'creating'",
                    {pg::param(id.str())}));
  co_return rows.affected() > 0;
}

Task<OwnerLogin> login(pg::Pool& pool, DatabaseId id, std::string role) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(
                    R"(SELECT r.name, r.password_problem, c.id, c.generation, c.verifier,
                         c.sealed_password
                       FROM howdah.roles r LEFT JOIN howdah.credentials c ON c.role_id = r.id
                         AND (c.valid_until IS NULL OR c.valid_until > now())
                       WHERE r.database_id = $1 AND r.deleted_at IS NULL
                         AND (r.name = $2 OR ($2 = '' AND r.kind = 'owner'))
                       ORDER BY c.generation DESC NULLS LAST LIMIT 1)",
                    {pg::param(id.str()), pg::param(role)}));
  if (rows.empty()) {
    co_return fail(ErrorCode::not_found, "this database has no role of that name");
  }
  OwnerLogin login{rows.text(0, "name"), {}, rows.text(0, "password_problem")};
  if (!rows.value(0, "id")) co_return login;
  login.credential = Credential{rows.text(0, "id"), rows.integer(0, "generation"),
                                rows.text(0, "verifier"), rows.text(0, "sealed_password")};
  co_return login;
}

}  // namespace howdah::control::database_store
