// SPDX-License-Identifier: Apache-2.0
#include "instance/provision_store.h"

#include <fmt/format.h>

#include "instance/hardening_store.h"
#include "instance/template.h"
#include "model/names.h"

namespace howdah::instance {
namespace {

using pg::quote_identifier;

// From 15 on, the schema public of every logical database belongs to the database's owner, and
// nobody else may create in it. 13 and 14 get the same rights; 13 does not know pg_database_owner,
// so there the role stands for it, in template1 too: what the tenant creates is copied from there.
std::string public_schema_sql(int pg_major) {
  if (pg_major >= 15) return {};
  const std::string owner =
      pg_major == 14 ? std::string("pg_database_owner") : quote_identifier(kTemplateOwner);
  return fmt::format("REVOKE CREATE ON SCHEMA public FROM PUBLIC; ALTER SCHEMA public OWNER TO {};",
                     owner);
}

Task<void> run_in(InstancePlace place, std::string database, std::string sql) {
  if (sql.empty()) co_return Result<void>{};
  HOWDAH_CO_TRY(pg::Connection connection,
                co_await pg::Connection::open(admin_options(place, std::move(database))));
  co_return co_await connection.script(std::move(sql));
}

}  // namespace

pg::ConnectOptions admin_options(const InstancePlace& place, std::string database) {
  return pg::admin_session({place.socket_directory.string(), std::move(database)});
}

Task<void> fill_template(const InstancePlace& place, int pg_major) {
  const std::string owner = quote_identifier(kTemplateOwner);
  // CREATEDB harms nobody inside a private instance and serves migration tools; CREATEROLE gives an
  // OS shell before 16. The owner may connect to `postgres`, where many tools begin, but not change
  // it, and not to template1, which every new logical database is copied from.
  HOWDAH_CO_CHECK(co_await run_in(
      place, "postgres",
      fmt::format(
          "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE CREATEDB NOREPLICATION NOBYPASSRLS",
          owner)));
  HOWDAH_CO_CHECK(co_await harden(place));
  HOWDAH_CO_CHECK(co_await run_in(place, "template1", public_schema_sql(pg_major)));
  // CREATE DATABASE runs in no transaction, so each is a script of its own. They are copied from
  // template1 and have its public schema and its guard.
  for (const std::string_view database : {kTemplateDatabase, kTemplateShadow}) {
    HOWDAH_CO_CHECK(co_await run_in(
        place, "postgres",
        fmt::format("CREATE DATABASE {} OWNER {}", quote_identifier(database), owner)));
  }
  co_return Result<void>{};
}

Task<void> take_slug(const InstancePlace& place, std::string slug) {
  if (!is_slug(slug)) co_return fail(ErrorCode::invalid_request, "not a slug: " + slug);
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  HOWDAH_CO_TRY(const pg::Rows done,
                co_await connection.query("SELECT 1 FROM pg_database WHERE datname = $1",
                                          {pg::param(tenant_database(slug))}));
  if (!done.empty()) co_return Result<void>{};
  // One implicit transaction: a crash leaves all the names or none.
  co_return co_await connection.script(fmt::format(
      "ALTER DATABASE {} RENAME TO {}; ALTER DATABASE {} RENAME TO {}; ALTER ROLE {} RENAME TO {}",
      quote_identifier(kTemplateDatabase), quote_identifier(tenant_database(slug)),
      quote_identifier(kTemplateShadow), quote_identifier(shadow_database(slug)),
      quote_identifier(kTemplateOwner), quote_identifier(owner_role(slug))));
}

Task<void> let_platform_write(const InstancePlace& place) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  co_return co_await connection.script(
      fmt::format("ALTER ROLE {} SET default_transaction_read_only = off", kAdminRole));
}

Task<std::int64_t> end_growing_sessions(const InstancePlace& place) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                       WHERE backend_type = 'client backend' AND usename <> $1
                         AND (backend_xid IS NOT NULL OR pid IN (
                           SELECT substring(name FROM '^pgsql_tmp([0-9]+)[.]')::int4
                           FROM pg_ls_tmpdir())))",
                    {pg::param(std::string(kAdminRole))}));
  co_return rows.integer(0, "n");
}

}  // namespace howdah::instance
