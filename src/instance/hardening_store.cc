// SPDX-License-Identifier: Apache-2.0
#include "instance/hardening_store.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "crypto/encode.h"
#include "crypto/hash.h"
#include "instance/provision_store.h"
#include "model/allowed_extensions.h"

namespace howdah::instance {
namespace {

using pg::quote_identifier;

// A session of a tenant may hold a lock on what is changed here.
constexpr std::string_view kLockTimeout = "SET LOCAL lock_timeout = '2s';";

// In `postgres`. Of howdah_monitor nothing is left of what it may have been before.
constexpr std::string_view kClusterSql = R"(
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'howdah_monitor') THEN
    CREATE ROLE howdah_monitor;
  END IF;
END $$;
ALTER ROLE howdah_monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
  NOINHERIT PASSWORD NULL;
ALTER ROLE howdah_monitor RESET ALL;
-- Attached to a logical database, they would end the platform's sessions there as they begin; what
-- is a role's own counts for more, and 13 does not know them.
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT s.name FROM pg_catalog.pg_settings s
              WHERE s.name IN ('idle_session_timeout', 'transaction_timeout') LOOP
    EXECUTE pg_catalog.format('ALTER ROLE howdah_admin SET %I = 0', name);
  END LOOP;
END $$;
REVOKE ALL ON DATABASE postgres, template0, template1 FROM PUBLIC;
GRANT CONNECT ON DATABASE postgres TO PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION pg_catalog.lo_create(oid), pg_catalog.lo_creat(int4),
  pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS howdah;
REVOKE ALL ON SCHEMA howdah FROM PUBLIC;
GRANT USAGE ON SCHEMA howdah TO howdah_monitor;
CREATE OR REPLACE FUNCTION howdah.database_sizes() RETURNS TABLE (oid oid, size_bytes int8)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
  AS 'SELECT d.oid, pg_catalog.pg_database_size(d.oid) FROM pg_catalog.pg_database d';
REVOKE ALL ON FUNCTION howdah.database_sizes() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION howdah.database_sizes() TO howdah_monitor;
)";

// In each logical database. It looks at all that is there, and not at the command's name, which
// CASCADE would pass by. What it refuses is undone with the statement.
constexpr std::string_view kGuardSql = R"(
CREATE OR REPLACE FUNCTION pg_catalog.howdah_guard_extensions() RETURNS event_trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $guard$
DECLARE
  refused pg_catalog.name := (
    SELECT e.extname FROM pg_catalog.pg_extension e
    WHERE e.extname <> ALL ({}::pg_catalog.name[]) ORDER BY e.oid DESC LIMIT 1);
BEGIN
  IF refused IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
      MESSAGE = pg_catalog.format('the extension %I is not allowed', refused),
      HINT = 'see which are: howdah extension list, or GET /api/databases/ID/extensions';
  END IF;
END $guard$;
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger
                 WHERE evtname = 'howdah_guard_extensions') THEN
    CREATE EVENT TRIGGER howdah_guard_extensions ON ddl_command_end
      WHEN TAG IN ('CREATE EXTENSION')
      EXECUTE FUNCTION pg_catalog.howdah_guard_extensions();
    ALTER EXTENSION plpgsql ADD EVENT TRIGGER howdah_guard_extensions;
    ALTER EXTENSION plpgsql ADD FUNCTION pg_catalog.howdah_guard_extensions();
  END IF;
END $$;
ALTER EVENT TRIGGER howdah_guard_extensions ENABLE ALWAYS;
)";

std::string guard_sql() {
  std::string names = "plpgsql";
  for (const AllowedExtension& one : kAllowedExtensions) names += fmt::format(",{}", one.name);
  return fmt::format(kGuardSql, pg::quote_literal("{" + names + "}"));
}

Task<void> run_in(InstancePlace place, std::string database, std::string sql) {
  HOWDAH_CO_TRY(pg::Connection connection,
                co_await pg::Connection::open(admin_options(place, std::move(database))));
  co_return co_await connection.script(fmt::format("BEGIN; {} {} COMMIT", kLockTimeout, sql));
}

// One that lets nobody in (template0, and what a tenant closed) is opened for the moment.
Task<void> guard_closed(InstancePlace place, pg::Connection& connection, std::string database) {
  const std::string allow =
      fmt::format("ALTER DATABASE {} ALLOW_CONNECTIONS ", quote_identifier(database));
  HOWDAH_CO_CHECK(co_await connection.script(allow + "true"));
  auto done = co_await run_in(std::move(place), std::move(database), guard_sql());
  HOWDAH_CO_CHECK(co_await connection.script(allow + "false"));
  co_return done;
}

}  // namespace

std::string hardening_id() {
  constexpr std::size_t kSize = 16;
  return crypto::to_hex(crypto::sha256(std::string(kClusterSql) + guard_sql())).substr(0, kSize);
}

Task<void> harden(const InstancePlace& place) {
  HOWDAH_CO_CHECK(co_await run_in(place, "postgres", std::string(kClusterSql)));
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  // -2: a DROP DATABASE that was cut off; nothing can be done with it but to drop it.
  HOWDAH_CO_TRY(const pg::Rows databases,
                co_await connection.query(
                    R"(SELECT datname, datallowconn AND datname <> 'template0' AS open
                       FROM pg_catalog.pg_database WHERE datconnlimit <> -2 ORDER BY oid)"));
  std::optional<Error> first;
  for (std::size_t row = 0; row < databases.size(); ++row) {
    const std::string name = databases.text(row, "datname");
    auto done = databases.boolean(row, "open") ? co_await run_in(place, name, guard_sql())
                                               : co_await guard_closed(place, connection, name);
    if (!done && !first) first = std::move(done).error().within("harden " + name);
  }
  if (first) co_return std::unexpected(std::move(*first));
  co_return Result<void>{};
}

}  // namespace howdah::instance
