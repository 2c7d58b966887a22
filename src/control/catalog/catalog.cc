// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/catalog.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "control/catalog/migration_store.h"
#include "pg/platform_session.h"

namespace howdah::control {
namespace {

using Clock = std::chrono::steady_clock;
constexpr milliseconds kRetryFirst{20};
constexpr milliseconds kRetryMax{500};

milliseconds longer(milliseconds pause) {
  return std::min(pause * 2, kRetryMax);
}

}  // namespace

Catalog::Catalog(asio::any_io_executor executor, asio::thread_pool& blocking, DumpFolders dumps)
    : executor_(std::move(executor)), blocking_(blocking), dumps_(std::move(dumps)) {}

Task<CatalogPlace> Catalog::find(nodeapi::Client& node, milliseconds deadline) {
  const auto give_up = Clock::now() + deadline;
  std::string reason;
  for (milliseconds pause = kRetryFirst; Clock::now() < give_up; pause = longer(pause)) {
    auto status = co_await node.status();
    if (status && !status->catalog_socket_directory.empty()) {
      co_return CatalogPlace{std::move(status->catalog_socket_directory),
                             std::move(status->postgres)};
    }
    reason = status ? "the node agent has no catalog yet" : status.error().to_log();
    co_await net::sleep_for(pause);
  }
  co_return fail(
      ErrorCode::timeout,
      fmt::format("the node agent did not say where the catalog is within {} ms", deadline.count()),
      "look at the log of howdah-node", reason);
}

Task<void> Catalog::open(CatalogPlace place, const std::vector<Migration>& migrations,
                         milliseconds deadline) {
  place_ = std::move(place);
  HOWDAH_CO_CHECK(co_await ensure_database(deadline));
  pool_ = std::make_unique<pg::Pool>(
      executor_, pg::admin_session({place_.socket_directory, std::string(kDatabase), "howdahd"}),
      kConnectionsMax);
  co_return co_await migrate(migrations);
}

// Retries until the instance answers: after a power cut it may have to recover first.
Task<void> Catalog::ensure_database(milliseconds deadline) {
  const auto give_up = Clock::now() + deadline;
  const auto options = pg::admin_session({place_.socket_directory, "postgres", "howdahd setup"});
  Error reason;
  for (milliseconds pause = kRetryFirst; Clock::now() < give_up; pause = longer(pause)) {
    auto connection = co_await pg::Connection::open(options);
    if (connection) {
      pg_major_ = connection->server_version() / 10'000;
      HOWDAH_CO_TRY(created_,
                    co_await migration_store::ensure_database(*connection, std::string(kDatabase)));
      co_return Result<void>{};
    }
    reason = std::move(connection).error();
    co_await net::sleep_for(pause);
  }
  co_return fail(ErrorCode::timeout,
                 fmt::format("the catalog did not answer within {} ms", deadline.count()),
                 "look at the catalog's log under the data folder", reason.to_log());
}

Task<void> Catalog::migrate(const std::vector<Migration>& migrations) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await connect("howdahd migration"));
  co_return co_await apply_migrations(connection, migrations,
                                      std::bind_front(&Catalog::dump_before_migration, this));
}

Task<void> Catalog::dump_before_migration() {
  HOWDAH_CO_TRY(const DumpFacts facts, co_await dump());
  log::info("catalog", "dumped before migrating: {}", facts.path.string());
  co_return Result<void>{};
}

Task<pg::Connection> Catalog::connect(std::string application_name) const {
  co_return co_await pg::Connection::open(pg::admin_session(
      {place_.socket_directory, std::string(kDatabase), std::move(application_name)}));
}

Task<void> Catalog::check(milliseconds deadline) {
  const auto rows =
      co_await net::with_deadline(pool_->query("SELECT 1"), deadline, "ask the catalog");
  if (rows) co_return Result<void>{};
  co_return fail(ErrorCode::unavailable, "the catalog does not answer", {}, rows.error().to_log());
}

Task<DumpFacts> Catalog::dump() {
  if (dumping_) co_return fail(ErrorCode::conflict, "a catalog dump is running already");
  const auto version =
      std::ranges::find(place_.postgres, pg_major_, &nodeapi::PostgresVersion::major);
  if (version == place_.postgres.end()) {
    co_return fail(ErrorCode::no_postgres,
                   fmt::format("PostgreSQL {} is not installed any more: the catalog cannot be "
                               "dumped",
                               pg_major_));
  }
  struct Running {
    bool& flag;
    ~Running() { flag = false; }
  } running{dumping_};
  dumping_ = true;
  const DumpSource source{version->bin_directory, place_.socket_directory,
                          std::string(pg::kAdminRole), std::string(kDatabase)};
  const DumpFolders folders = dumps_;
  const Timestamp at = now();
  auto facts = co_await net::offload(
      blocking_, [source, folders, at] { return dump_catalog(source, folders, at); });
  if (!facts) co_return std::unexpected(std::move(facts).error());
  for (const std::string& warning : facts->warnings) log::warn("catalog", "{}", warning);
  const auto pruned =
      co_await net::offload(blocking_, [folders, at] { return prune_dumps(folders, at); });
  if (!pruned) log::warn("catalog", "prune dumps: {}", pruned.error().to_log());
  co_return facts;
}

void Catalog::close() {
  if (pool_) pool_->close();
}

}  // namespace howdah::control
