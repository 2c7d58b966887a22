// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/migrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>

#include "base/log.h"
#include "control/catalog/migration_store.h"
#include "control/embedded.h"
#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::control {
namespace {

// "0001_initial.sql" -> 1, "initial".
std::optional<std::pair<int, std::string>> split_name(std::string_view name) {
  constexpr std::size_t kDigits = 4;
  if (name.size() < kDigits + 6 || name[kDigits] != '_' || !name.ends_with(".sql")) {
    return std::nullopt;
  }
  int version = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + kDigits, version);
  if (error != std::errc{} || end != name.data() + kDigits) return std::nullopt;
  name.remove_prefix(kDigits + 1);
  name.remove_suffix(4);
  return std::pair(version, std::string(name));
}

// What the catalog holds fits what this binary knows.
Result<void> check_applied(const std::vector<AppliedMigration>& applied,
                           const std::vector<Migration>& known) {
  for (const AppliedMigration& old : applied) {
    const auto ours = std::ranges::find(known, old.version, &Migration::version);
    if (ours == known.end()) {
      return fail(ErrorCode::unsupported,
                  fmt::format("the catalog was written by a newer Howdah ({}; it is at version {}, "
                              "this one knows {})",
                              old.applied_by, applied.back().version, known.size()),
                  "run that version again, or go back to the dump that it made before it "
                  "migrated: see \"Going back\" in docs/operations.md");
    }
    if (ours->checksum != old.checksum) {
      return fail(ErrorCode::internal,
                  fmt::format("catalog migration {} ({}) was applied with another content",
                              old.version, ours->name),
                  "this binary was built from a changed migration; use a released one");
    }
  }
  return {};
}

Task<void> apply_one(pg::Connection& connection, const Migration& migration) {
  auto done = co_await migration_store::apply(connection, migration);
  if (!done) {
    co_return std::unexpected(std::move(done).error().within(
        fmt::format("apply catalog migration {} ({})", migration.version, migration.name)));
  }
  log::info("catalog", "applied migration {} ({})", migration.version, migration.name);
  co_return Result<void>{};
}

// All or none: after a failure the binary from before still finds the catalog that it knows.
Task<void> apply_from(pg::Connection& connection, const std::vector<Migration>& migrations,
                      std::size_t first) {
  HOWDAH_CO_CHECK(co_await migration_store::begin(connection));
  Result<void> done;
  for (std::size_t index = first; done && index < migrations.size(); ++index) {
    done = co_await apply_one(connection, migrations[index]);
  }
  if (done) co_return co_await migration_store::commit(connection);
  (void)co_await migration_store::rollback(connection);
  if (first > 0 && done.error().hint.empty()) {
    done.error().hint = "nothing was changed: the version from before the upgrade goes on with it";
  }
  co_return done;
}

Task<void> apply_pending(pg::Connection& connection, const std::vector<Migration>& migrations,
                         const std::function<Task<void>()>& before) {
  HOWDAH_CO_TRY(const auto applied, co_await migration_store::read(connection));
  HOWDAH_CO_CHECK(check_applied(applied, migrations));
  const std::size_t done = applied.size();
  if (done == migrations.size()) co_return Result<void>{};
  if (done > 0) HOWDAH_CO_CHECK(co_await before());
  co_return co_await apply_from(connection, migrations, done);
}

}  // namespace

const std::vector<Migration>& embedded_migrations() {
  static const std::vector<Migration> migrations = [] {
    std::vector<std::pair<std::string, std::string>> files;
    for (const EmbeddedFile& file : embedded_migration_files()) {
      files.emplace_back(file.name, file.text);
    }
    auto read = read_migrations(files);
    assert(read && "sql/ holds a file with a wrong name");
    return read ? std::move(*read) : std::vector<Migration>{};
  }();
  return migrations;
}

Result<std::vector<Migration>> read_migrations(
    const std::vector<std::pair<std::string, std::string>>& files) {
  std::vector<Migration> migrations;
  for (const auto& [name, text] : files) {
    const auto parts = split_name(name);
    if (!parts || parts->first != static_cast<int>(migrations.size()) + 1) {
      return fail(
          ErrorCode::config_invalid,
          fmt::format("migration file '{}': expected {:04}_name.sql", name, migrations.size() + 1));
    }
    migrations.push_back({parts->first, parts->second, text, crypto::to_hex(crypto::sha256(text))});
  }
  return migrations;
}

Task<void> apply_migrations(pg::Connection& connection, std::vector<Migration> migrations,
                            std::function<Task<void>()> before) {
  HOWDAH_CO_CHECK(co_await migration_store::lock(connection));
  auto done = co_await apply_pending(connection, migrations, before);
  if (!connection.broken()) (void)co_await migration_store::unlock(connection);
  co_return done;
}

}  // namespace howdah::control
