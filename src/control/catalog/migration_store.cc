// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/migration_store.h"

namespace howdah::control::migration_store {
namespace {

// Any number will do, as long as nothing else in the catalog uses it ("howdah" in ASCII).
constexpr std::int64_t kLock = 0x686F77646168;
constexpr milliseconds kLockDeadline{120'000};

}  // namespace

Task<void> lock(pg::Connection& connection) {
  HOWDAH_CO_CHECK(
      co_await connection.query("SELECT pg_advisory_lock($1)", {pg::param(kLock)}, kLockDeadline));
  co_return Result<void>{};
}

Task<void> unlock(pg::Connection& connection) {
  HOWDAH_CO_CHECK(co_await connection.query("SELECT pg_advisory_unlock($1)", {pg::param(kLock)}));
  co_return Result<void>{};
}

Task<std::vector<AppliedMigration>> read(pg::Connection& connection) {
  HOWDAH_CO_CHECK(co_await connection.script(R"sql(
    SET client_min_messages = warning;
    CREATE SCHEMA IF NOT EXISTS howdah;
    CREATE TABLE IF NOT EXISTS howdah.schema_migrations (
      version integer PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      applied_by text NOT NULL,
      applied_at timestamptz(3) NOT NULL DEFAULT now()))sql"));
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT version, checksum, applied_by "
                                          "FROM howdah.schema_migrations ORDER BY version"));
  std::vector<AppliedMigration> applied;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    applied.push_back({static_cast<int>(rows.integer(row, "version")), rows.text(row, "checksum"),
                       rows.text(row, "applied_by")});
  }
  co_return applied;
}

Task<void> begin(pg::Connection& connection) {
  co_return co_await connection.script("BEGIN");
}

Task<void> apply(pg::Connection& connection, const Migration& migration) {
  HOWDAH_CO_CHECK(co_await connection.script(migration.sql, milliseconds{600'000}));
  HOWDAH_CO_CHECK(co_await connection.query(
      "INSERT INTO howdah.schema_migrations (version, name, checksum, applied_by) "
      "VALUES ($1, $2, $3, $4)",
      {pg::param(std::int64_t{migration.version}), migration.name, migration.checksum,
       "howdahd " HOWDAH_VERSION}));
  co_return Result<void>{};
}

Task<void> commit(pg::Connection& connection) {
  co_return co_await connection.script("COMMIT");
}

Task<void> rollback(pg::Connection& connection) {
  co_return co_await connection.script("ROLLBACK");
}

Task<bool> ensure_database(pg::Connection& connection, std::string name) {
  // Two CREATE DATABASE at once get in each other's way (template1 in use). Released with the
  // connection.
  HOWDAH_CO_CHECK(co_await lock(connection));
  HOWDAH_CO_TRY(const pg::Rows found,
                co_await connection.query("SELECT FROM pg_database WHERE datname = $1", {name}));
  if (!found.empty()) co_return false;
  HOWDAH_CO_CHECK(co_await connection.script("CREATE DATABASE " + pg::quote_identifier(name)));
  co_return true;
}

}  // namespace howdah::control::migration_store
