// SPDX-License-Identifier: Apache-2.0
// The whole of howdahd in a test: real catalog, real HTTP, a fake node and a fake gate.
#pragma once
#include <memory>
#include <string>

#include "control/service/service.h"
#include "control/test_catalog.h"
#include "control/test_node.h"
#include "http/client.h"

namespace howdah::control::testing {

// "ok", or the name of the error's code.
template <typename T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(info_of(result.error().code).name);
}

// Its members are public: bodies of tests that are lambdas get the test as a pointer.
class ServiceTest : public ::testing::Test {
 public:
  static pg::testing::TestServer& server() {
    static pg::testing::TestServer shared;
    return shared;
  }

  void SetUp() override {
    for (const char* name : {"secrets", "tls", "backups", "run"}) {
      std::filesystem::create_directories(folder.path() / name);
    }
    config.data_dir = folder.path();
    config.runtime_dir = folder.path() / "run";
    config.http_port = 0;
    config.environment = "test";
  }

  // Runs one test body inside a started service.
  void run(asio::awaitable<void> body) {
    asio::co_spawn(io, whole(std::move(body)), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    io.run();
  }

  asio::awaitable<void> start_service() {
    service = std::make_unique<Service>(io, config);
    const auto started = co_await service->start();
    EXPECT_TRUE(started) << started.error().to_log();
  }
  asio::awaitable<void> stop_service() {
    co_await service->stop(milliseconds{500});
    service.reset();
  }
  // A gate that is connected and up to date.
  asio::awaitable<void> join(FakeGate& joining, std::uint64_t kept = 0) {
    gates.spawn("gate", joining.run((config.runtime_dir / "routes.sock").string(), kept));
    for (int i = 0; i < 200 && joining.version == 0; ++i) co_await net::sleep_for(milliseconds{5});
    EXPECT_NE(joining.version, 0U);
  }

  Task<json::value> call(http::Method method, std::string path, json::value body = nullptr,
                         http::Query query = {}) {
    co_return co_await client->call(method, std::move(path), std::move(query), std::move(body),
                                    milliseconds{20'000});
  }
  Task<json::value> get(std::string path, http::Query query = {}) {
    co_return co_await call(http::Method::get, std::move(path), nullptr, std::move(query));
  }
  Task<json::value> create(std::string friendly_name, json::object more = {}) {
    more["friendlyName"] = friendly_name;
    more["ownerEmail"] = "owner@example.com";
    HOWDAH_CO_TRY(json::value body,
                  co_await call(http::Method::post, "/api/databases", std::move(more)));
    co_return body.at("data");
  }

  // On the catalog, as a person at psql.
  Task<pg::Rows> sql(std::string text) {
    HOWDAH_CO_TRY(
        pg::Connection connection,
        co_await pg::Connection::open(server().connect_options(std::string(Catalog::kDatabase))));
    co_return co_await connection.query(std::move(text));
  }
  asio::awaitable<std::string> ask(std::string text) {
    const auto rows = co_await sql(std::move(text));
    EXPECT_TRUE(rows) << rows.error().to_log();
    if (!rows || rows->empty()) co_return "";
    co_return rows->text(0, rows->columns().front());
  }

  TempFolder folder;
  asio::io_context io{1};
  Config config;
  std::unique_ptr<FakeNode> node;
  std::unique_ptr<Service> service;
  std::unique_ptr<http::Client> client;
  FakeGate gate{"gate-1"};  // connected once it was given to join()
  FakeGate second_gate{"gate-2"};
  net::TaskGroup gates{io.get_executor()};

 private:
  asio::awaitable<void> whole(asio::awaitable<void> body) {
    {
      auto connection = co_await pg::Connection::open(server().connect_options());
      EXPECT_TRUE(
          co_await connection->script("DROP DATABASE IF EXISTS postgres_control WITH (FORCE)"));
    }
    node = std::make_unique<FakeNode>(io.get_executor(), server().connect_options());
    node->serve((config.runtime_dir / "node.sock").string());
    client = std::make_unique<http::Client>(io.get_executor(),
                                            (config.runtime_dir / "control.sock").string());
    co_await start_service();
    co_await std::move(body);
    if (service) co_await stop_service();
    co_await gates.stop();
    client.reset();
    co_await node->stop();
  }
};

}  // namespace howdah::control::testing
