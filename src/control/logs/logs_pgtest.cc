// SPDX-License-Identifier: Apache-2.0
// Logs of databases on a running service; the files themselves are the node's.
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "control/logs/log_reader.h"
#include "control/test_service.h"

namespace howdah::control {
namespace {

using testing::code_of;

class LogsTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> pages();
  asio::awaitable<void> filters();
  asio::awaitable<void> bounds();
  asio::awaitable<void> skips_what_is_huge();
  asio::awaitable<void> follows();
  asio::awaitable<void> goes_on();
  asio::awaitable<void> follows_what_is_huge();
  asio::awaitable<void> refuses();

  asio::awaitable<void> make() {
    const auto made = co_await create("db");
    EXPECT_TRUE(made) << made.error().to_log();
    path = "/api/databases/" + std::string(made->at("id").as_string()) + "/logs";
    id = std::string(made->at("id").as_string());
  }
  void add(int second, std::string_view level, std::string_view message) {
    node->log +=
        fmt::format("2026-01-02 03:04:{:02}.000 UTC [7] 00000 client backend\tapp\tu\td\t{}:  {}\n",
                    second % 60, level, message);
  }
  static std::string messages(const json::value& answer) {
    std::string all;
    for (const json::value& row : answer.at("data").as_array()) {
      all += std::string(row.at("message").as_string()) + " ";
    }
    return all;
  }
  static std::string cursor(const json::value& answer) {
    const json::value* meta = answer.as_object().if_contains("meta");
    return meta == nullptr ? "" : std::string(meta->at("next_cursor").as_string());
  }
  // The data of events until there are `count` of them.
  asio::awaitable<std::vector<http::Event>> events(http::Query query, std::size_t count,
                                                   std::string last = "") {
    http::Request request;
    request.path = path + "/events";
    request.query = std::move(query);
    if (!last.empty()) request.headers["Last-Event-ID"] = last;
    std::vector<http::Event> seen;
    const auto collect = [&seen, count](const http::Event& event) {
      seen.push_back(event);
      return seen.size() < count;
    };
    const auto done = co_await client->events(std::move(request), collect, milliseconds{5'000});
    EXPECT_TRUE(done) << done.error().to_log();
    co_return seen;
  }

  std::string path, id;
};

asio::awaitable<void> LogsTest::pages() {
  co_await make();
  const auto none = co_await get(path);
  EXPECT_EQ(code_of(none), "ok");
  EXPECT_EQ(messages(*none), "");
  for (int i = 1; i <= 5; ++i) add(i, "LOG", std::to_string(i));
  EXPECT_EQ(messages((co_await get(path)).value()), "1 2 3 4 5 ");
  const auto newest = co_await get(path, {{"limit", "2"}});
  EXPECT_EQ(messages(*newest), "4 5 ");
  const auto older = co_await get(path, {{"limit", "2"}, {"cursor", cursor(*newest)}});
  EXPECT_EQ(messages(*older), "2 3 ");
  add(6, "LOG", "6");  // what comes meanwhile does not shift the pages
  const auto oldest = co_await get(path, {{"limit", "2"}, {"cursor", cursor(*older)}});
  EXPECT_EQ(messages(*oldest), "1 ");
  EXPECT_EQ(cursor(*oldest), "");
}
TEST_F(LogsTest, pages_go_backwards_and_have_the_newest_last) {
  run(pages());
}

asio::awaitable<void> LogsTest::filters() {
  co_await make();
  add(1, "LOG", "quiet");
  add(2, "ERROR", "Loud NOISE");
  add(3, "WARNING", "soft");
  add(4, "FATAL", "noise again");
  EXPECT_EQ(messages((co_await get(path, {{"level", "warning"}})).value()),
            "Loud NOISE soft noise again ");
  EXPECT_EQ(messages((co_await get(path, {{"search", "noise"}})).value()),
            "Loud NOISE noise again ");
  EXPECT_EQ(messages((co_await get(path, {{"since", "2026-01-02T03:04:03Z"}})).value()),
            "soft noise again ");
  EXPECT_EQ(messages((co_await get(path, {{"until", "2026-01-02T03:04:02Z"}})).value()),
            "quiet Loud NOISE ");
}
TEST_F(LogsTest, rows_are_chosen_by_level_text_and_time) {
  run(filters());
}

asio::awaitable<void> LogsTest::bounds() {
  co_await make();
  add(1, "LOG", "needle");
  while (node->log.size() < 9_MiB) add(2, "LOG", std::string(1'000, 'x'));
  node->log_read = 0;
  auto answer = co_await get(path, {{"search", "needle"}});
  EXPECT_LE(node->log_read, kLogBytesPerCall + 512_KiB);
  int calls = 1;
  while (messages(*answer).empty() && !cursor(*answer).empty() && calls < 10) {
    answer = co_await get(path, {{"search", "needle"}, {"cursor", cursor(*answer)}});
    ++calls;
  }
  EXPECT_EQ(messages(*answer), "needle ");
  EXPECT_EQ(calls, 3);
}
TEST_F(LogsTest, a_call_reads_a_bounded_part_and_its_cursor_goes_on) {
  run(bounds());
}

asio::awaitable<void> LogsTest::skips_what_is_huge() {
  co_await make();
  add(1, "LOG", "before");
  add(2, "ERROR", "huge " + std::string(2'000'000, 'x'));
  add(3, "LOG", "after");
  const auto answer = co_await get(path);
  const json::array& rows = answer->at("data").as_array();
  EXPECT_EQ(rows.size(), 3U);
  if (rows.size() != 3) co_return;
  EXPECT_EQ(rows[0].at("message").as_string(), "before");
  EXPECT_TRUE(rows[1].at("truncated").as_bool());
  EXPECT_TRUE(rows[1].at("message").as_string().starts_with("huge xxx"));
  EXPECT_LE(rows[1].at("message").as_string().size(), kLogTextMax);
  EXPECT_EQ(rows[2].at("message").as_string(), "after");
}
TEST_F(LogsTest, a_huge_line_is_one_short_row) {
  run(skips_what_is_huge());
}

asio::awaitable<void> LogsTest::follows() {
  using namespace asio::experimental::awaitable_operators;
  co_await make();
  add(1, "LOG", "old");
  add(2, "LOG", "kept");
  const auto write = [](LogsTest* t) -> asio::awaitable<void> {
    co_await net::sleep_for(milliseconds{400});
    t->add(3, "ERROR", "new");
    t->add(4, "DEBUG", "hidden");
    t->add(5, "LOG", "last");
  };
  auto seen = co_await (events({{"first", "1"}, {"level", "log"}}, 3) && write(this));
  EXPECT_EQ(seen.size(), 3U);
  if (seen.size() != 3) co_return;
  EXPECT_NE(seen[0].data.find("\"kept\""), std::string::npos);
  EXPECT_NE(seen[1].data.find("\"new\""), std::string::npos);
  EXPECT_NE(seen[2].data.find("\"last\""), std::string::npos);
  EXPECT_EQ(seen[2].name, "log");
  // After a break: behind what was seen.
  const auto rest = co_await events({{"level", "log"}}, 1, seen[1].id);
  EXPECT_NE(rest.at(0).data.find("\"last\""), std::string::npos);
  EXPECT_EQ(node->wakes, 0);
}
TEST_F(LogsTest, a_stream_goes_on_as_lines_come) {
  run(follows());
}

asio::awaitable<void> LogsTest::goes_on() {
  co_await make();
  add(1, "LOG", "gone");
  const std::string position = std::to_string(node->log.size());
  node->log_first = node->log.size() + 500;
  node->log.clear();
  add(2, "LOG", "after");
  const auto seen = co_await events({}, 2, position);
  EXPECT_EQ(seen.at(0).name, "gap");
  EXPECT_EQ(seen.at(0).data, R"({"bytes":500})");
  EXPECT_NE(seen.at(1).data.find("\"after\""), std::string::npos);
}
TEST_F(LogsTest, a_stream_survives_that_its_log_is_shortened) {
  run(goes_on());
}

asio::awaitable<void> LogsTest::follows_what_is_huge() {
  co_await make();
  add(1, "LOG", "before");
  add(2, "ERROR", "huge " + std::string(2'000'000, 'x'));
  add(3, "LOG", "after");
  const auto seen = co_await events({}, 3, "0");
  EXPECT_EQ(seen.size(), 3U);
  if (seen.size() != 3) co_return;
  EXPECT_NE(seen[0].data.find("\"before\""), std::string::npos);
  EXPECT_NE(seen[1].data.find("\"huge xxx"), std::string::npos);
  EXPECT_NE(seen[1].data.find("\"truncated\":true"), std::string::npos);
  EXPECT_NE(seen[2].data.find("\"after\""), std::string::npos);
}
TEST_F(LogsTest, a_huge_line_is_one_short_event) {
  run(follows_what_is_huge());
}

asio::awaitable<void> LogsTest::refuses() {
  co_await make();
  EXPECT_EQ(code_of(co_await get(path, {{"level", "loud"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"since", "yesterday"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"limit", "201"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"cursor", "x"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"branch", "pr-1"}})), "not_found");
  EXPECT_EQ(code_of(co_await get(path + "/events", {{"first", "-1"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get("/api/databases/none/logs")), "not_found");
  EXPECT_TRUE(co_await call(http::Method::del, "/api/databases/" + id));
  EXPECT_EQ(code_of(co_await get(path)), "database_deleted");
  EXPECT_EQ(code_of(co_await get(path + "/events")), "database_deleted");
}
TEST_F(LogsTest, wrong_parameters_and_deleted_databases_are_refused) {
  run(refuses());
}

}  // namespace
}  // namespace howdah::control
