// SPDX-License-Identifier: Apache-2.0
#include "control/passwords/password_store.h"

#include "model/names.h"

namespace howdah::control::password_store {
namespace {

constexpr std::string_view kFind = R"(
SELECT r.id, r.name, d.slug, d.friendly_name, d.status,
  coalesce((SELECT max(generation) FROM howdah.credentials c WHERE c.role_id = r.id), 0)
    AS generation,
  (SELECT count(*) FROM howdah.credentials c WHERE c.role_id = r.id
     AND (c.valid_until IS NULL OR c.valid_until > now())) AS valid_count,
  (SELECT verifier FROM howdah.credentials c WHERE c.role_id = r.id AND c.branch_id IS NULL
     AND (c.valid_until IS NULL OR c.valid_until > now())
   ORDER BY c.generation DESC LIMIT 1) AS verifier
FROM howdah.databases d LEFT JOIN howdah.roles r ON r.database_id = d.id
  AND r.deleted_at IS NULL AND (r.name = $2 OR ($2 = '' AND r.kind = 'owner'))
WHERE d.id = $1 AND d.kind = 'managed')";

std::unexpected<Error> no_database() {
  return fail(ErrorCode::not_found, "no database has this id");
}

Result<RolePasswords> read(const pg::Rows& rows) {
  if (rows.empty()) return no_database();
  if (rows.text(0, "status") == "deleted") {
    return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  if (rows.text(0, "slug").empty()) {
    return fail(ErrorCode::conflict, "the database is still being made", "try again in a moment");
  }
  if (!rows.value(0, "id")) {
    return fail(ErrorCode::not_found, "this database has no role of that name",
                "leave role out for the owner");
  }
  return RolePasswords{rows.text(0, "id"),
                       rows.text(0, "name"),
                       rows.text(0, "slug"),
                       rows.text(0, "friendly_name"),
                       rows.integer(0, "generation"),
                       rows.integer(0, "valid_count"),
                       rows.text(0, "verifier")};
}

// Ended ones beyond the number that is kept.
Task<void> prune(pg::Connection& connection, std::string role_id) {
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(DELETE FROM howdah.credentials WHERE role_id = $1 AND valid_until <= now()
           AND generation <= (SELECT max(generation) - $2 FROM howdah.credentials
                              WHERE role_id = $1))",
      {pg::param(role_id), pg::param(kKept)}));
  co_return Result<void>{};
}

}  // namespace

Task<RolePasswords> find(pg::Pool& pool, DatabaseId id, std::string role) {
  if (!is_uuid(id.str())) co_return no_database();
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(std::string(kFind), {pg::param(id.str()), pg::param(role)}));
  co_return read(rows);
}

Task<RolePasswords> lock(pg::Connection& connection, DatabaseId id, std::string role) {
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(SELECT FROM howdah.roles r WHERE r.database_id = $1 AND r.deleted_at IS NULL
           AND (r.name = $2 OR ($2 = '' AND r.kind = 'owner')) FOR NO KEY UPDATE)",
      {pg::param(id.str()), pg::param(role)}));
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(std::string(kFind), {pg::param(id.str()), pg::param(role)}));
  co_return read(rows);
}

Task<void> rotate(pg::Connection& connection, Rotation rotation) {
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(UPDATE howdah.credentials SET valid_until =
           greatest(valid_from, least(valid_until, now() + make_interval(secs => $2::int)))
         WHERE role_id = $1 AND (valid_until IS NULL OR valid_until > now()))",
      {pg::param(rotation.role_id), pg::param(rotation.grace.count())}));
  const Credential& made = rotation.credential;
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(WITH role AS (
           UPDATE howdah.roles SET password_problem = '',
             password_changed_at = greatest(now(),
               password_changed_at + interval '1 millisecond'),
             cut_before = CASE WHEN $6 THEN now() ELSE cut_before END
           WHERE id = $1 RETURNING *)
         INSERT INTO howdah.credentials (id, organisation_id, database_id, role_id, generation,
           verifier, sealed_password, valid_from)
         SELECT $2, organisation_id, database_id, id, $3, $4, $5, password_changed_at FROM role)",
      {pg::param(rotation.role_id), pg::param(made.id), pg::param(made.generation),
       pg::param(made.verifier), pg::param(made.sealed_password),
       pg::param(rotation.cut_sessions)}));
  co_return co_await prune(connection, rotation.role_id);
}

Task<std::int64_t> end_older(pg::Connection& connection, std::string role_id, bool cut_sessions) {
  HOWDAH_CO_TRY(const pg::Rows ended,
                co_await connection.query(
                    R"(UPDATE howdah.credentials SET valid_until = greatest(valid_from, now())
             WHERE role_id = $1 AND (valid_until IS NULL OR valid_until > now())
               AND generation < (SELECT max(generation) FROM howdah.credentials
                                 WHERE role_id = $1
                                   AND (valid_until IS NULL OR valid_until > now())))",
                    {pg::param(role_id)}));
  if (cut_sessions) {
    HOWDAH_CO_CHECK(co_await connection.query(
        "UPDATE howdah.roles SET cut_before = now() WHERE id = $1", {pg::param(role_id)}));
  }
  co_return ended.affected();
}

namespace {

struct Changing {
  std::string role_id;
  DatabaseId database_id;
  std::string branch;
  std::optional<Timestamp> changed_at;
  std::string verifier;  // the newest that is valid there; empty: none
};

Task<std::optional<Changing>> lock_changing(pg::Connection& connection, const RoleChange& change) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(SELECT r.id, r.database_id, r.password_changed_at, b.slug
                       FROM howdah.branches b JOIN howdah.databases d ON d.id = b.database_id
                       JOIN howdah.roles r ON r.database_id = d.id AND r.deleted_at IS NULL
                       WHERE b.id = $1 AND b.instance_id = $2 AND r.name = $3
                         AND d.status <> 'deleted' AND b.status <> 'deleted'
                       FOR NO KEY UPDATE OF r)",
                    {pg::param(change.branch_id.str()), pg::param(change.instance_id.str()),
                     pg::param(change.role)}));
  if (rows.empty()) co_return std::optional<Changing>{};
  Changing changing{rows.text(0, "id"),
                    DatabaseId(rows.text(0, "database_id")),
                    rows.text(0, "slug"),
                    rows.time(0, "password_changed_at"),
                    {}};
  HOWDAH_CO_TRY(const pg::Rows newest,
                co_await connection.query(
                    R"(SELECT verifier FROM howdah.credentials
                       WHERE role_id = $1 AND (branch_id IS NULL OR branch_id = $2)
                         AND (valid_until IS NULL OR valid_until > now())
                       ORDER BY generation DESC LIMIT 1)",
                    {pg::param(changing.role_id), pg::param(change.branch_id.str())}));
  if (!newest.empty()) changing.verifier = newest.text(0, "verifier");
  co_return std::optional(std::move(changing));
}

// Passwords that were valid where the change was made are over. On `main` those are all of the
// database; a branch has what was set on it, and its new one hides the older ones of the database.
Task<void> end_all(pg::Connection& connection, const Changing& changing, BranchId branch) {
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(UPDATE howdah.credentials SET valid_until = greatest(valid_from, now())
         WHERE role_id = $1 AND (valid_until IS NULL OR valid_until > now())
           AND ($3 OR branch_id = $2))",
      {pg::param(changing.role_id), pg::param(branch.str()),
       pg::param(changing.branch == kMainBranch)}));
  co_return Result<void>{};
}

Task<std::int64_t> insert_unknown(pg::Connection& connection, const Changing& changing,
                                  const RoleChange& change) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(
          R"(INSERT INTO howdah.credentials (organisation_id, database_id, branch_id, role_id,
               generation, verifier, valid_from)
             SELECT r.organisation_id, r.database_id, CASE WHEN $2 THEN NULL ELSE $3::uuid END,
               r.id, coalesce((SELECT max(generation) FROM howdah.credentials
                               WHERE role_id = r.id), 0) + 1, $4, $5
             FROM howdah.roles r WHERE r.id = $1 RETURNING generation)",
          {pg::param(changing.role_id), pg::param(changing.branch == kMainBranch),
           pg::param(change.branch_id.str()), pg::param(change.verifier),
           pg::param(change.changed_at)}));
  co_return rows.integer(0, "generation");
}

}  // namespace

Task<std::optional<ChangedRole>> take_change(pg::Connection& connection, RoleChange change) {
  if (!is_uuid(change.branch_id.str())) co_return std::optional<ChangedRole>{};
  HOWDAH_CO_TRY(const auto changing, co_await lock_changing(connection, change));
  if (!changing || (changing->changed_at && *changing->changed_at >= change.changed_at)) {
    co_return std::optional<ChangedRole>{};
  }
  // What ends on one branch only has no place in a role; the gate keeps it.
  if (change.verifier.empty() && changing->branch != kMainBranch) {
    co_return std::optional<ChangedRole>{};
  }
  ChangedRole changed{changing->database_id, {}, changing->branch, 0};
  if (change.verifier.empty() || change.verifier != changing->verifier) {
    HOWDAH_CO_CHECK(co_await end_all(connection, *changing, change.branch_id));
    if (!change.verifier.empty()) {
      HOWDAH_CO_TRY(changed.generation, co_await insert_unknown(connection, *changing, change));
    }
  }
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(UPDATE howdah.roles SET password_problem = $2, password_changed_at = $3,
           can_login = CASE WHEN $4 THEN $5 ELSE can_login END,
           valid_until = CASE WHEN $4 THEN $6::timestamptz ELSE valid_until END
         WHERE id = $1)",
      {pg::param(changing->role_id), pg::param(change.problem), pg::param(change.changed_at),
       pg::param(changing->branch == kMainBranch), pg::param(change.can_login),
       pg::param(change.valid_until)}));
  HOWDAH_CO_CHECK(co_await prune(connection, changing->role_id));
  HOWDAH_CO_TRY(const pg::Rows branches,
                co_await connection.query("SELECT id FROM howdah.branches WHERE database_id = $1",
                                          {pg::param(changing->database_id.str())}));
  for (std::size_t row = 0; row < branches.size(); ++row) {
    changed.branches.emplace_back(branches.text(row, "id"));
  }
  co_return std::optional(std::move(changed));
}

Task<void> save_logins(pg::Pool& pool, std::vector<LoginSeen> logins) {
  json::array items;
  for (const LoginSeen& seen : logins) items.push_back(howdah::to_json(seen));
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(UPDATE howdah.credentials c SET last_seen = s.last_seen
         FROM jsonb_to_recordset($1::jsonb)
             AS s (branch_id uuid, role text, generation integer, last_seen timestamptz)
           JOIN howdah.branches b ON b.id = s.branch_id
           JOIN howdah.roles r ON r.database_id = b.database_id AND r.name = s.role
         WHERE c.role_id = r.id AND c.generation = s.generation
           AND (c.last_seen IS NULL OR c.last_seen < s.last_seen))",
      {pg::param(json::serialize(items))}));
  co_return Result<void>{};
}

Task<std::vector<Row>> list(pg::Pool& pool, DatabaseId id, Page page) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          R"(SELECT c.id, r.name, b.slug AS branch, c.generation,
               c.sealed_password IS NULL AS by_sql,
               c.valid_until IS NULL OR c.valid_until > now() AS valid, c.valid_from,
               c.valid_until, c.last_seen, c.created_at, r.can_login,
               r.valid_until AS role_valid_until, r.password_problem
             FROM howdah.credentials c JOIN howdah.roles r ON r.id = c.role_id
               AND r.deleted_at IS NULL
             LEFT JOIN howdah.branches b ON b.id = c.branch_id
             WHERE c.database_id = $1
               AND ($2::timestamptz IS NULL OR (c.created_at, c.id) > ($2, $3::uuid))
             ORDER BY c.created_at, c.id LIMIT $4)",
          {pg::param(id.str()), page.after ? pg::param(page.after->at) : pg::Value(),
           page.after ? pg::param(page.after->id) : pg::Value(), pg::param(page.fetch_count())}));
  std::vector<Row> list;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    list.push_back({rows.text(row, "id"), rows.text(row, "name"), rows.value(row, "branch"),
                    rows.integer(row, "generation"), rows.boolean(row, "by_sql"),
                    rows.boolean(row, "valid"), rows.time(row, "valid_from").value_or(Timestamp{}),
                    rows.time(row, "valid_until"), rows.time(row, "last_seen"),
                    rows.time(row, "created_at").value_or(Timestamp{}),
                    rows.boolean(row, "can_login"), rows.time(row, "role_valid_until"),
                    rows.text(row, "password_problem")});
  }
  co_return list;
}

}  // namespace howdah::control::password_store
