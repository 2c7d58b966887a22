// SPDX-License-Identifier: Apache-2.0
// Idempotency-Key on a running service, and over its death.
#include <algorithm>

#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;

class IdempotencyTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> replays();
  asio::awaitable<void> refuses_another_request();
  asio::awaitable<void> refuses_wrong_keys();
  asio::awaitable<void> failures_may_be_repeated();
  asio::awaitable<void> keeps_callers_apart();
  asio::awaitable<void> goes_on_with_the_job();
  asio::awaitable<void> says_that_the_answer_is_lost();
  asio::awaitable<void> runs_what_had_no_effect();
  asio::awaitable<void> forgets();
  asio::awaitable<void> one_at_a_time();

  Task<http::Response> post(std::string key, std::string path, std::string body,
                            std::string api_key = {}) {
    http::Request request{.method = Method::post, .path = std::move(path), .body = std::move(body)};
    if (!key.empty()) request.headers["Idempotency-Key"] = std::move(key);
    if (!api_key.empty()) request.headers["X-API-Key"] = std::move(api_key);
    co_return co_await client->send(std::move(request), milliseconds{40'000});
  }
  Task<http::Response> post_database(std::string key, std::string name = "shop") {
    co_return co_await post(std::move(key), "/api/databases",
                            R"({"friendlyName":")" + name + R"(","ownerEmail":"me@example.com"})");
  }
  static std::string code(const Result<http::Response>& response) {
    return response ? std::string(info_of(http::error_of_response(*response).code).name) : "none";
  }
  // As a howdahd that was killed leaves it: the row says nothing, and nobody knows it.
  asio::awaitable<void> lose_the_answer() {
    EXPECT_TRUE(
        co_await sql("UPDATE howdah.idempotency_keys SET status = NULL, sealed_response = NULL"));
    co_await stop_service();
    co_await start_service();
  }
};

asio::awaitable<void> IdempotencyTest::replays() {
  const auto first = co_await post_database("k-1");
  EXPECT_EQ(first->status, 201);
  const auto second = co_await post_database("k-1");
  EXPECT_EQ(second->status, 201);
  EXPECT_EQ(second->body, first->body);
  EXPECT_EQ(second->headers.at("Location"), first->headers.at("Location"));
  EXPECT_EQ(second->headers.at("Idempotency-Replayed"), "true");
  EXPECT_FALSE(first->headers.contains("Idempotency-Replayed"));
  EXPECT_EQ(node->claims, 1);
  const std::string password(parse_json(first->body)->at("data").at("password").as_string());
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.idempotency_keys k "
                         "WHERE k::text LIKE '%" +
                         password + "%'"),
            "0")
      << "the password is kept in clear";
  co_await stop_service();
  co_await start_service();
  const auto third = co_await post_database("k-1");
  EXPECT_EQ(third->body, first->body);
  EXPECT_EQ(node->claims, 1);
  // The alias is the same path.
  const auto alias = co_await post("k-1", "/api/v1/databases",
                                   R"({"friendlyName":"shop","ownerEmail":"me@example.com"})");
  EXPECT_EQ(alias->body, first->body);
}
TEST_F(IdempotencyTest, a_repetition_gets_the_first_answer_also_after_a_restart) {
  run(replays());
}

asio::awaitable<void> IdempotencyTest::refuses_another_request() {
  EXPECT_EQ((co_await post_database("k-1"))->status, 201);
  const auto other_body = co_await post_database("k-1", "another");
  EXPECT_EQ(other_body->status, 422);
  EXPECT_EQ(code(other_body), "unprocessable");
  const auto other_path = co_await post("k-1", "/api/keys", R"({"name":"x"})");
  EXPECT_EQ(other_path->status, 422);
  EXPECT_EQ(node->claims, 1);
}
TEST_F(IdempotencyTest, another_request_with_the_same_key_is_refused) {
  run(refuses_another_request());
}

asio::awaitable<void> IdempotencyTest::refuses_wrong_keys() {
  for (const std::string& key : {std::string(256, 'x'), std::string("\xc3\xa4")}) {
    EXPECT_EQ((co_await post_database(key))->status, 400) << key;
  }
  EXPECT_EQ(node->claims, 0);
  EXPECT_EQ((co_await post_database(std::string(255, 'x')))->status, 201);
}
TEST_F(IdempotencyTest, a_key_has_1_to_255_printable_characters) {
  run(refuses_wrong_keys());
}

asio::awaitable<void> IdempotencyTest::failures_may_be_repeated() {
  const auto wrong = co_await post("k-1", "/api/databases", R"({"friendlyName":5})");
  EXPECT_EQ(wrong->status, 400);
  EXPECT_EQ((co_await post_database("k-1"))->status, 201) << "nothing was made under this key";
}
TEST_F(IdempotencyTest, a_request_that_left_nothing_behind_frees_its_key) {
  run(failures_may_be_repeated());
}

asio::awaitable<void> IdempotencyTest::keeps_callers_apart() {
  const auto made = co_await call(Method::post, "/api/keys", {{"name", "a"}, {"scope", "write"}});
  const std::string key(made->at("data").at("key").as_string());
  const std::string body = R"({"friendlyName":"shop","ownerEmail":"me@example.com"})";
  const auto mine = co_await post("k-1", "/api/databases", body);
  const auto theirs = co_await post("k-1", "/api/databases", body, key);
  EXPECT_EQ(theirs->status, 201);
  EXPECT_NE(mine->body, theirs->body);
  EXPECT_EQ(node->claims, 2);
}
TEST_F(IdempotencyTest, keys_of_two_callers_are_two) {
  run(keeps_callers_apart());
}

asio::awaitable<void> IdempotencyTest::goes_on_with_the_job() {
  const auto first = co_await post_database("k-1");
  EXPECT_EQ(first->status, 201);
  co_await lose_the_answer();
  const auto again = co_await post_database("k-1");
  EXPECT_EQ(again->status, 201);
  EXPECT_EQ(node->claims, 1) << "a second database was made";
  json::object before = parse_json(first->body)->at("data").as_object();
  json::object after = parse_json(again->body)->at("data").as_object();
  // The port is a free one, so another after each start.
  for (json::object* data : {&before, &after}) data->erase("ca_certificate_url");
  EXPECT_EQ(after, before) << "with the password";
}
TEST_F(IdempotencyTest, after_a_crash_a_create_gets_its_real_result) {
  run(goes_on_with_the_job());
}

asio::awaitable<void> IdempotencyTest::says_that_the_answer_is_lost() {
  const std::string body = R"({"name":"x"})";
  EXPECT_EQ((co_await post("k-1", "/api/keys", body))->status, 201);
  co_await lose_the_answer();
  const auto again = co_await post("k-1", "/api/keys", body);
  EXPECT_EQ(again->status, 409);
  EXPECT_NE(again->body.find("api_key:"), std::string::npos) << "what it made is named";
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.api_keys"), "1");
}
TEST_F(IdempotencyTest, after_a_crash_nothing_is_made_twice) {
  run(says_that_the_answer_is_lost());
}

asio::awaitable<void> IdempotencyTest::runs_what_had_no_effect() {
  EXPECT_EQ((co_await post("k-1", "/api/keys", R"({"name":"x"})"))->status, 201);
  EXPECT_TRUE(co_await sql("UPDATE howdah.idempotency_keys SET subject = ''"));
  co_await lose_the_answer();
  EXPECT_EQ((co_await post("k-1", "/api/keys", R"({"name":"x"})"))->status, 201);
}
TEST_F(IdempotencyTest, after_a_crash_before_any_effect_the_request_is_carried_out) {
  run(runs_what_had_no_effect());
}

asio::awaitable<void> IdempotencyTest::forgets() {
  const auto first = co_await post_database("k-1");
  EXPECT_TRUE(co_await sql(
      "UPDATE howdah.idempotency_keys SET created_at = now() - interval '24 hours 1 second'"));
  const auto second = co_await post_database("k-1", "another");
  EXPECT_EQ(second->status, 201);
  EXPECT_NE(second->body, first->body);
  EXPECT_TRUE(co_await sql(
      "UPDATE howdah.idempotency_keys SET created_at = now() - interval '24 hours 1 second'"));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.schedules SET next_due = now() "
                   "WHERE name = 'idempotency.prune'"));
  std::string left = "1";
  for (int i = 0; i < 400 && left != "0"; ++i) {
    co_await net::sleep_for(milliseconds{20});
    left = co_await ask("SELECT count(*) FROM howdah.idempotency_keys");
  }
  EXPECT_EQ(left, "0");
}
TEST_F(IdempotencyTest, a_key_is_free_again_after_24_hours) {
  run(forgets());
}

asio::awaitable<void> IdempotencyTest::one_at_a_time() {
  struct Sent {
    static asio::awaitable<void> one(IdempotencyTest& test, std::vector<int>& statuses) {
      const auto response = co_await test.post_database("k-1");
      statuses.push_back(response ? response->status : 0);
    }
  };
  std::vector<int> statuses;
  net::TaskGroup group(io.get_executor());
  for (int i = 0; i < 4; ++i) group.spawn("post", Sent::one(*this, statuses));
  co_await group.stop(milliseconds{30'000});
  EXPECT_EQ(std::ranges::count(statuses, 201), 1);
  EXPECT_EQ(std::ranges::count(statuses, 409), 3);
  EXPECT_EQ(node->claims, 1);
}
TEST_F(IdempotencyTest, of_requests_at_once_one_runs_and_the_others_are_told) {
  run(one_at_a_time());
}

}  // namespace
}  // namespace howdah::control
