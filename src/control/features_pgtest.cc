// SPDX-License-Identifier: Apache-2.0
// Connection strings, statistics, health and metrics on a running service.
#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class FeaturesTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> connects();
  asio::awaitable<void> reveals();
  asio::awaitable<void> measures();
  asio::awaitable<void> is_well();
  asio::awaitable<void> counts();
};

std::string text(const json::value& data, std::string_view name) {
  const json::value* value = data.as_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

asio::awaitable<void> FeaturesTest::connects() {
  const json::value made = (co_await create("db")).value();
  const std::string path = "/api/databases/" + text(made, "id") + "/connection-strings";
  const auto answer = co_await get(path, {{"caFile", "/tmp/ca.crt"}});
  EXPECT_EQ(code_of(answer), "ok");
  const json::value& data = answer->at("data");
  EXPECT_EQ(text(data, "connection_string"),
            "postgresql://user_slug0001:***@localhost:5432/tenant_slug0001?sslmode=require");
  EXPECT_EQ(text(data, "username"), "user_slug0001");
  EXPECT_EQ(text(data, "branch_id"), node->instances.begin()->second.token);
  EXPECT_EQ(text(data, "ca_certificate_command"),
            "curl -sS -o /tmp/ca.crt " + text(data, "ca_certificate_url"));
  EXPECT_EQ(data.at("snippets").as_object().size(), 14U);
  EXPECT_EQ(json::serialize(data).find(text(made, "password")), std::string::npos);
  EXPECT_NE(text(data, "note").find("masked"), std::string::npos);
  EXPECT_EQ(code_of(co_await get(path, {{"role", "user_slug0001"}, {"branch", "main"}})), "ok");
  EXPECT_EQ(code_of(co_await get(path, {{"role", "nobody"}})), "not_found");
  EXPECT_EQ(code_of(co_await get(path, {{"branch", "pr-1"}})), "not_found");
  EXPECT_EQ(code_of(co_await get(path, {{"caFile", "a b"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"x", "1"}})), "invalid_request");
}
TEST_F(FeaturesTest, connection_strings_are_masked) {
  run(connects());
}

asio::awaitable<void> FeaturesTest::reveals() {
  const json::value made = (co_await create("db")).value();
  const std::string path = "/api/databases/" + text(made, "id") + "/connection-strings/reveal";
  const auto answer = co_await call(Method::post, path);
  EXPECT_EQ(code_of(answer), "ok");
  EXPECT_EQ(text(answer->at("data"), "password"), text(made, "password"));
  EXPECT_EQ(text(answer->at("data"), "connection_string"), text(made, "connection_string"));
  EXPECT_EQ(co_await ask("SELECT action || ' ' || (details ->> 'role') FROM howdah.audit_logs "
                         "ORDER BY position DESC LIMIT 1"),
            "password.reveal user_slug0001");
  // A value that was moved to another row does not open there.
  const json::value other = (co_await create("other")).value();
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.credentials SET sealed_password = (SELECT "
                   "min(sealed_password) FROM howdah.credentials)"));
  const auto first = co_await call(Method::post, path);
  const auto second = co_await call(
      Method::post, "/api/databases/" + text(other, "id") + "/connection-strings/reveal");
  EXPECT_NE(code_of(first), code_of(second));
  EXPECT_TRUE(code_of(first) == "seal_broken" || code_of(second) == "seal_broken");
}
TEST_F(FeaturesTest, the_password_is_revealed_with_a_trace) {
  run(reveals());
}

asio::awaitable<void> FeaturesTest::measures() {
  node->makes_databases = true;
  const json::value made = (co_await create("db")).value();
  const std::string path = "/api/databases/" + text(made, "id") + "/stats";
  const auto live = co_await get(path);
  EXPECT_EQ(code_of(live), "ok");
  const std::int64_t size = live->at("data").at("size_bytes").to_number<std::int64_t>();
  EXPECT_GT(size, 1'000'000);
  EXPECT_EQ(text(live->at("data"), "database_name"), "tenant_slug0001");
  EXPECT_EQ(live->at("data").at("max_connections"), 20);
  node->change(node->instances.begin()->first, nodeapi::InstanceState::stopped, "idle");
  co_await net::sleep_for(milliseconds{100});
  EXPECT_TRUE(co_await sql("UPDATE howdah.database_stats SET at = at - interval '1 h'"));
  const auto asleep = co_await get(path);
  EXPECT_EQ(asleep->at("data").at("size_bytes"), size) << "from the last sample";
  EXPECT_EQ(text(asleep->at("data"), "status"), "suspended");
  EXPECT_EQ(node->wakes, 0);
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.database_stats"), "1");
}
TEST_F(FeaturesTest, statistics_never_wake_an_instance) {
  run(measures());
}

asio::awaitable<void> FeaturesTest::is_well() {
  co_await join(gate);
  const auto well = co_await client->send({.path = "/health"}, milliseconds{5'000});
  EXPECT_EQ(well->status, 200);
  const json::value body = parse_json(well->body).value();
  EXPECT_EQ(text(body, "status"), "ok");
  EXPECT_EQ(text(body, "environment"), "test");
  EXPECT_TRUE(parse_rfc3339(text(body, "timestamp")));
  EXPECT_EQ(body.at("checks").at("gates").at("count"), 1);
  server().stop(SIGQUIT);
  co_await net::sleep_for(milliseconds{1'100});
  const auto ill = co_await client->send({.path = "/health"}, milliseconds{5'000});
  EXPECT_EQ(ill->status, 503);
  EXPECT_EQ(text(parse_json(ill->body).value(), "status"), "unavailable");
  EXPECT_EQ(code_of(co_await get("/api/databases")), "unavailable");
  server().start();
  co_await net::sleep_for(milliseconds{1'100});
  const auto again = co_await client->send({.path = "/health"}, milliseconds{5'000});
  EXPECT_EQ(again->status, 200);
  EXPECT_EQ(code_of(co_await get("/api/databases")), "ok");
}
TEST_F(FeaturesTest, health_tells_whether_the_catalog_answers) {
  run(is_well());
}

asio::awaitable<void> FeaturesTest::counts() {
  co_await join(gate);
  EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(code_of(co_await get("/api/v1/databases")), "ok");
  const auto answer = co_await client->send({.path = "/metrics"}, milliseconds{5'000});
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(answer->headers.at("Content-Type").starts_with("text/plain; version=0.0.4"));
  for (const char* line :
       {"howdah_http_requests_total{method=\"POST\",route=\"/api/databases\",status=\"201\"} 1\n",
        "howdah_databases{status=\"active\"} 1\n", "howdah_gates 1\n", "howdah_routes 1\n",
        "howdah_instances{state=\"running\"} 1\n", "howdah_catalog_up 1\n",
        "howdah_node_up{node=\"5b0e2a77-58b8-4d8b-9f5f-0b6b8d6c2f11\"} 1\n"}) {
    EXPECT_NE(answer->body.find(line), std::string::npos) << line << answer->body;
  }
}
TEST_F(FeaturesTest, metrics_count_what_there_is) {
  run(counts());
}

}  // namespace
}  // namespace howdah::control
