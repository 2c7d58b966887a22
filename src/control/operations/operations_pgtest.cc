// SPDX-License-Identifier: Apache-2.0
// Operations, the audit log and catalog dumps over the real HTTP server.
#include "control/operations/operations.h"

#include <fmt/format.h>

#include "control/test_service.h"

namespace howdah::control {
namespace {

class OperationsHttp : public testing::ServiceTest {
 public:
  asio::awaitable<json::object> dump() {
    const auto made = co_await call(http::Method::post, "/api/catalog/dumps");
    EXPECT_TRUE(made) << made.error().to_log();
    co_return made ? made->as_object() : json::object{};
  }
  // An operation that nobody works on: its kind is unknown.
  asio::awaitable<std::string> plant(std::string state) {
    co_return co_await ask(fmt::format(
        "WITH j AS (INSERT INTO howdah.jobs (kind, state, due_at, lease_token, finished_at) "
        "VALUES ('unknown', '{0}', now() + interval '1 hour', gen_random_uuid(), "
        "CASE WHEN '{0}' = 'finished' THEN now() END) RETURNING id) "
        "INSERT INTO howdah.operations (id, title) SELECT id, 'planted' FROM j RETURNING id",
        state));
  }
  asio::awaitable<std::vector<http::Client::Event>> events(std::string id, std::string last = "") {
    std::vector<http::Client::Event> seen;
    http::Request request;
    request.path = "/api/operations/" + id + "/events";
    if (!last.empty()) request.headers["Last-Event-ID"] = last;
    const auto done = co_await client->events(
        std::move(request),
        [&seen](const http::Client::Event& event) {
          seen.push_back(event);
          return true;
        },
        milliseconds{5'000});
    EXPECT_TRUE(done) << done.error().to_log();
    co_return seen;
  }
};

TEST_F(OperationsHttp, a_catalog_dump_is_an_operation_with_steps_and_events) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    const json::object made = co_await t->dump();
    const json::object& operation = made.at("operations").at(0).as_object();
    EXPECT_EQ(operation.at("state"), "finished");
    EXPECT_TRUE(std::filesystem::exists(std::string(made.at("data").at("path").as_string())));
    const std::string id(operation.at("id").as_string());
    const auto shown = co_await t->get("/api/operations/" + id);
    EXPECT_TRUE(shown);
    EXPECT_EQ(shown->at("data").at("steps").at(0).at("state"), "finished");
    EXPECT_EQ(shown->at("data").at("percent"), 100);
    EXPECT_EQ(shown->at("data").at("log").as_array().size(), 1u);
    const auto seen = co_await t->events(id);
    EXPECT_GE(seen.size(), 4u);
    EXPECT_EQ(seen.front().name, "state");
    EXPECT_EQ(seen.front().id, "1");
    EXPECT_NE(seen.back().data.find("finished"), std::string::npos);
    const auto rest = co_await t->events(id, seen[1].id);
    EXPECT_EQ(rest.size(), seen.size() - 2);
    const auto dumps = co_await t->get("/api/catalog/dumps");
    EXPECT_EQ(dumps->at("count"), 1);
  }(this));
}

TEST_F(OperationsHttp, a_stream_follows_an_operation_to_its_end) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    using namespace asio::experimental::awaitable_operators;
    const std::string id = co_await t->plant("running");
    struct Later {
      static asio::awaitable<int> finish(OperationsHttp* test, std::string which) {
        co_await net::sleep_for(milliseconds{150});
        co_await test->ask("SELECT howdah.add_operation_events('" + which +
                           "', 'log', ARRAY['{\"line\": \"half way\"}'::jsonb])");
        co_await test->ask(
            "UPDATE howdah.jobs SET state = 'finished', finished_at = now() "
            "WHERE id = '" +
            which + "' RETURNING 1");
        co_return 0;
      }
    };
    const auto [seen, done] = co_await (t->events(id) && Later::finish(t, id));
    EXPECT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen.back().name, "state");
  }(this));
}

TEST_F(OperationsHttp, waiting_is_bounded_by_what_the_client_prefers) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    const std::string id = co_await t->plant("running");
    http::Request request;
    request.path = "/api/operations/" + id;
    request.headers["Prefer"] = "wait=1";
    const auto started = std::chrono::steady_clock::now();
    const auto response = co_await t->client->send(request, milliseconds{40'000});
    EXPECT_TRUE(response && response->status == 200);
    const auto took = std::chrono::steady_clock::now() - started;
    EXPECT_GE(took, milliseconds{950});
    EXPECT_LT(took, milliseconds{30'000}) << "less than the maximum of 60 s";
  }(this));
}

TEST_F(OperationsHttp, cancelling_asks_and_a_finished_one_is_a_conflict) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    const std::string running = co_await t->plant("running");
    const auto asked =
        co_await t->call(http::Method::post, "/api/operations/" + running + "/cancel");
    EXPECT_TRUE(asked);
    EXPECT_EQ(asked->at("data").at("state"), "cancelling");
    EXPECT_EQ(co_await t->ask("SELECT count(*) FROM howdah.audit_logs "
                              "WHERE action = 'operation.cancel'"),
              "1");
    const std::string over = co_await t->plant("finished");
    const auto late = co_await t->call(http::Method::post, "/api/operations/" + over + "/cancel");
    EXPECT_EQ(testing::code_of(late), "conflict");
    const auto unknown = co_await t->call(
        http::Method::post, "/api/operations/0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b/cancel");
    EXPECT_EQ(testing::code_of(unknown), "not_found");
    const auto nonsense = co_await t->get("/api/operations/nonsense");
    EXPECT_EQ(testing::code_of(nonsense), "not_found");
  }(this));
}

TEST_F(OperationsHttp, lists_go_newest_first_by_pages_without_losing_a_row) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    for (int i = 0; i < 5; ++i) (void)co_await t->plant(i == 0 ? "finished" : "running");
    std::set<std::string> ids;
    std::string cursor;
    int pages = 0;
    do {
      http::Query query{{"limit", "2"}};
      if (!cursor.empty()) query.emplace_back("cursor", cursor);
      const auto page = co_await t->get("/api/operations", query);
      EXPECT_TRUE(page) << page.error().to_log();
      if (!page) co_return;
      for (const auto& row : page->at("data").as_array()) {
        ids.insert(std::string(row.at("id").as_string()));
      }
      const auto* meta = page->as_object().if_contains("meta");
      cursor = meta == nullptr ? "" : std::string(meta->at("next_cursor").as_string());
      ++pages;
    } while (!cursor.empty() && pages < 10);
    EXPECT_EQ(ids.size(), 5u);
    EXPECT_EQ(pages, 3);
    const auto finished = co_await t->get("/api/operations", {{"state", "finished"}});
    EXPECT_EQ(finished->at("count"), 1);
    const auto wrong = co_await t->get("/api/operations", {{"state", "done"}});
    EXPECT_EQ(testing::code_of(wrong), "invalid_request");
  }(this));
}

TEST_F(OperationsHttp, the_audit_log_tells_who_did_what) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    (void)co_await t->dump();
    const auto log = co_await t->get("/api/audit", {{"limit", "1"}});
    EXPECT_TRUE(log);
    if (!log) co_return;
    EXPECT_EQ(log->at("data").at(0).at("action"), "catalog.dump");
    const std::string cursor(log->at("meta").at("next_cursor").as_string());
    const auto older = co_await t->get("/api/audit", {{"cursor", cursor}});
    EXPECT_EQ(older->at("data").at(0).at("id").to_number<int>(),
              log->at("data").at(0).at("id").to_number<int>() - 1);
  }(this));
}

TEST_F(OperationsHttp, the_daily_dump_is_on_the_schedule_at_two) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    EXPECT_EQ(co_await t->ask("SELECT cadence FROM howdah.schedules WHERE name = 'catalog.dump'"),
              "daily 02:00");
    co_await t->sql(
        "UPDATE howdah.schedules SET next_due = now() - interval '1 s' "
        "WHERE name = 'catalog.dump'");
    co_await t->stop_service();
    co_await t->start_service();
    json::value count = 0;
    for (int i = 0; i < 100 && count != json::value(1); ++i) {
      co_await net::sleep_for(milliseconds{50});
      count = (co_await t->get("/api/catalog/dumps"))->at("count");
    }
    EXPECT_EQ(count, json::value(1));
  }(this));
}

TEST_F(OperationsHttp, a_catalog_that_is_away_is_503_and_comes_back) {
  run([](OperationsHttp* t) -> asio::awaitable<void> {
    t->server().stop(SIGINT);
    EXPECT_EQ(testing::code_of(co_await t->get("/api/operations")), "unavailable");
    t->server().start();
    EXPECT_EQ(testing::code_of(co_await t->get("/api/operations")), "ok");
  }(this));
}

}  // namespace
}  // namespace howdah::control
