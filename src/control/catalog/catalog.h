// SPDX-License-Identifier: Apache-2.0
// The catalog as howdahd uses it: found through the node agent, migrated, pooled, dumped.
// Owner: Service; lives on the loop's thread. The catalog may restart at any time: the pool
// reconnects, and meanwhile calls fail with `unavailable` (503).
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>

#include "control/catalog/dump.h"
#include "control/catalog/migrations.h"
#include "nodeapi/client.h"
#include "pg/pool.h"

namespace howdah::control {

// Where the catalog answers and which programs fit its major version.
struct CatalogPlace {
  std::string socket_directory;
  std::vector<nodeapi::PostgresVersion> postgres;  // installed on the node
};

class Catalog {
 public:
  static constexpr std::string_view kDatabase = "postgres_control";
  static constexpr std::size_t kConnectionsMax = 12;

  // dumps: where dumps go. The pool exists after open().
  Catalog(asio::any_io_executor executor, asio::thread_pool& blocking, DumpFolders dumps);

  // Waits for the node agent and the catalog instance, at most `deadline`.
  // Errors: timeout with the last reason.
  static Task<CatalogPlace> find(nodeapi::Client& node, milliseconds deadline);

  // Makes the database where it is missing, dumps it before it is migrated, migrates.
  // Errors: unsupported when a newer Howdah wrote it.
  Task<void> open(CatalogPlace place, const std::vector<Migration>& migrations,
                  milliseconds deadline);

  pg::Pool& pool() { return *pool_; }
  const pg::Pool& pool() const { return *pool_; }
  // A connection of one's own, for LISTEN. Not counted in kConnectionsMax.
  Task<pg::Connection> connect(std::string application_name) const;
  // Answers within the deadline, or an error: for /health.
  Task<void> check(milliseconds deadline);

  // Dumps now and prunes old dumps. One at a time: a second call waits for no one and gets
  // `conflict`. Cost: a pg_dump, off the loop.
  Task<DumpFacts> dump();

  const os::Path& dump_folder() const { return dumps_.folder; }
  const DumpFolders& dump_folders() const { return dumps_; }
  // No catalog was there before open(): the first start of this data folder.
  bool created() const { return created_; }
  int pg_major() const { return pg_major_; }
  void close();

 private:
  Task<void> ensure_database(milliseconds deadline);
  Task<void> migrate(const std::vector<Migration>& migrations);
  Task<void> dump_before_migration();

  asio::any_io_executor executor_;
  asio::thread_pool& blocking_;
  DumpFolders dumps_;
  CatalogPlace place_;
  std::unique_ptr<pg::Pool> pool_;
  bool created_ = false;
  bool dumping_ = false;
  int pg_major_ = 0;
};

}  // namespace howdah::control
