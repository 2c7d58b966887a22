// SPDX-License-Identifier: Apache-2.0
// A fresh, migrated catalog on a throwaway server, for *_pgtest.cc of this module.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <stdexcept>

#include "control/audit/audit_log.h"
#include "control/catalog/catalog.h"
#include "control/secrets/vault.h"
#include "net/run.h"
#include "pg/test_server.h"

namespace howdah::control::testing {

class TempFolder {
 public:
  TempFolder() {
    std::string name = "/tmp/howdah-control-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const os::Path& path() const { return path_; }

 private:
  os::Path path_;
};

class CatalogTest : public ::testing::Test {
 protected:
  static pg::testing::TestServer& server() {
    static pg::testing::TestServer shared;
    return shared;
  }

  CatalogPlace place() const {
    return {server().socket_directory(), {{15, "15", "/usr/lib/postgresql/15/bin"}}};
  }

  void SetUp() override {
    drop();
    expect(run(catalog.open(place(), embedded_migrations(), milliseconds{10'000})));
  }
  void TearDown() override {
    catalog.close();
    blocking.join();
  }

  // As a new data folder has it: no catalog at all.
  void drop() {
    expect(run(script("postgres", "DROP DATABASE IF EXISTS postgres_control WITH (FORCE)")));
  }
  Task<void> script(std::string database, std::string sql) {
    HOWDAH_CO_TRY(pg::Connection connection,
                  co_await pg::Connection::open(server().connect_options(database)));
    co_return co_await connection.script(std::move(sql));
  }
  void sql(std::string text) {
    expect(run(script(std::string(Catalog::kDatabase), std::move(text))));
  }
  // The first column of the first row; empty: NULL or no row.
  std::string ask(std::string text) {
    const auto rows = run(catalog.pool().query(std::move(text)));
    expect(rows);
    if (!rows || rows->empty()) return {};
    return rows->text(0, rows->columns().front());
  }

  template <typename T>
  Result<T> run(Task<T> task) {
    io.restart();
    std::optional<Result<T>> result;
    const auto ran = net::run(io, keep(std::move(task), result));
    if (!result) return std::unexpected(ran.error());
    return std::move(*result);
  }
  // Results without a default value cannot pass through co_spawn.
  template <typename T>
  static Task<void> keep(Task<T> task, std::optional<Result<T>>& result) {
    result = co_await std::move(task);
    co_return Result<void>{};
  }
  template <typename T>
  static void expect(const Result<T>& result) {
    EXPECT_TRUE(result) << result.error().to_log();
  }

  TempFolder folder;
  asio::io_context io;
  asio::thread_pool blocking{2};
  Catalog catalog{io.get_executor(), blocking, DumpFolders{folder.path() / "dumps", {}}};
};

}  // namespace howdah::control::testing
