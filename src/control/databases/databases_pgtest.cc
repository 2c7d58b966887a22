// SPDX-License-Identifier: Apache-2.0
#include "control/databases/databases.h"

#include "control/test_service.h"
#include "pgwire/scram.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class DatabasesTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> creates();
  asio::awaitable<void> refuses();
  asio::awaitable<void> gives_up();
  asio::awaitable<void> resumes();
  asio::awaitable<void> create_and_forget();
  asio::awaitable<void> deletes();
  asio::awaitable<void> purges();
  asio::awaitable<void> lists();
  asio::awaitable<void> samples();
  asio::awaitable<void> sleeps();

  asio::awaitable<void> until_status(std::string path, std::string wanted) {
    std::string status;
    for (int i = 0; i < 200 && status != wanted; ++i) {
      co_await net::sleep_for(milliseconds{10});
      const auto shown = co_await get(path);
      if (shown) status = std::string(shown->at("data").at("status").as_string());
    }
    EXPECT_EQ(status, wanted);
  }
  // Waits until the query answers `wanted`.
  asio::awaitable<void> until(std::string query, std::string wanted) {
    std::string answer;
    for (int i = 0; i < 300 && answer != wanted; ++i) {
      co_await net::sleep_for(milliseconds{20});
      answer = co_await ask(query);
    }
    EXPECT_EQ(answer, wanted) << query;
  }
};

std::string text(const json::value& data, std::string_view name) {
  const json::value* value = data.as_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

asio::awaitable<void> DatabasesTest::creates() {
  co_await join(gate);
  const auto response = co_await client->send(
      {.method = Method::post,
       .path = "/api/databases",
       .body = R"({"friendlyName":"My shop","ownerEmail":"me@example.com","maxConnections":50})"},
      milliseconds{10'000});
  EXPECT_EQ(response->status, 201);
  const json::value body = parse_json(response->body).value();
  EXPECT_EQ(body.at("message"), "Database created successfully");
  const json::value& data = body.at("data");
  std::string fields;
  for (const auto& field : data.as_object()) fields.append(field.key()) += ' ';
  EXPECT_EQ(fields,
            "id database_name username password owner_email friendly_name max_connections status "
            "created_at connection_string connection_string_pooled shadow_database_url "
            "shadow_database_url_pooled psql_command connection_uri connection_uri_pooled "
            "ca_certificate_url ");
  EXPECT_EQ(response->headers.at("Location"), "/api/databases/" + text(data, "id"));
  EXPECT_EQ(text(data, "status"), "active");
  EXPECT_EQ(text(data, "database_name"), "tenant_slug0001");
  EXPECT_EQ(text(data, "connection_string"),
            "postgresql://user_slug0001:" + text(data, "password") +
                "@localhost:5432/tenant_slug0001?sslmode=require");
  EXPECT_EQ(body.at("operations").at(0).at("state"), "finished");

  // The gate knew it when the call was answered, with a verifier of that very password.
  EXPECT_EQ(gate.routes.size(), 1U);
  if (gate.routes.size() != 1) co_return;
  const Route& route = gate.routes.begin()->second;
  EXPECT_EQ(route.slug, "slug0001");
  EXPECT_EQ(route.max_connections, 50);
  EXPECT_EQ(route.state, RouteState::open);
  EXPECT_EQ(route.roles.at(0).name, "user_slug0001");
  const std::string verifier = route.roles.at(0).verifiers.at(0).verifier;
  EXPECT_TRUE(
      pgwire::matches_password(pgwire::parse_verifier(verifier).value(), text(data, "password")));
  // The instance was claimed under the branch's id and holds the same verifier.
  EXPECT_EQ(node->instances.begin()->second.token, route.branch_id.str());
  EXPECT_EQ(node->verifiers.at(route.branch_id.str()), verifier);
  EXPECT_EQ(co_await ask("SELECT string_agg(action, ',') FROM howdah.audit_logs "
                         "WHERE action LIKE 'database.%'"),
            "database.create");
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.jobs WHERE payload::text LIKE '%" +
                         text(data, "password") + "%' OR payload::text LIKE '%SCRAM%'"),
            "0")
      << "no secret in clear";
}
TEST_F(DatabasesTest, a_created_database_is_complete_when_the_call_is_answered) {
  run(creates());
}

asio::awaitable<void> DatabasesTest::refuses() {
  const auto bad = co_await call(Method::post, "/api/databases", {{"ownerEmail", 5}, {"x", 1}});
  EXPECT_EQ(code_of(bad), "invalid_request");
  EXPECT_EQ(bad.error().fields.size(), 3U);
  EXPECT_EQ(node->claims, 0);
  EXPECT_TRUE(co_await create("one", {{"name", "shop"}}));
  const auto taken = co_await create("two", {{"name", "shop"}});
  EXPECT_EQ(code_of(taken), "conflict");
  EXPECT_EQ(node->claims, 1);
  EXPECT_EQ(code_of(co_await get("/api/databases", {{"surprise", "1"}})), "invalid_request");
  for (const char* id : {"nope", "00000000-0000-4000-8000-00000000dead", "%27"}) {
    EXPECT_EQ(code_of(co_await get(std::string("/api/databases/") + id)), "not_found");
  }
}
TEST_F(DatabasesTest, wrong_requests_leave_nothing_behind) {
  run(refuses());
}

asio::awaitable<void> DatabasesTest::gives_up() {
  node->claim_fails = ErrorCode::volume_full;
  const auto failed = co_await create("doomed");
  EXPECT_EQ(code_of(failed), "volume_full");
  co_await until("SELECT count(*) FROM howdah.databases", "0");
  EXPECT_TRUE(node->instances.empty());
  EXPECT_EQ(co_await ask("SELECT action FROM howdah.audit_logs ORDER BY position DESC LIMIT 1"),
            "database.create_failed");
  node->claim_fails.reset();
  EXPECT_TRUE(co_await create("fine"));
}
TEST_F(DatabasesTest, a_create_that_fails_for_good_is_absent_and_says_why) {
  run(gives_up());
}

// howdahd ends while the node works on the claim: the next one keeps the promise.
asio::awaitable<void> DatabasesTest::create_and_forget() {
  EXPECT_FALSE(co_await create("promised")) << "its answer was cut off";
}
asio::awaitable<void> DatabasesTest::resumes() {
  node->claim_takes = milliseconds{1'500};
  net::TaskGroup callers(io.get_executor());
  callers.spawn("caller", create_and_forget());
  while (node->claims == 0) co_await net::sleep_for(milliseconds{5});
  co_await stop_service();
  EXPECT_EQ(co_await ask("SELECT status FROM howdah.databases"), "creating");
  co_await start_service();
  co_await until("SELECT status FROM howdah.databases", "active");
  EXPECT_EQ(node->instances.size(), 1U) << "the same token, the same instance";
  co_await until("SELECT state FROM howdah.jobs WHERE kind = 'database.create'", "finished");
  co_await callers.stop(milliseconds{1'000});
}
TEST_F(DatabasesTest, a_create_goes_on_after_a_restart_in_the_middle) {
  run(resumes());
}

asio::awaitable<void> DatabasesTest::deletes() {
  co_await join(gate);
  const json::value made = (co_await create("gone soon", {{"name", "shop"}})).value();
  const std::string path = "/api/databases/" + text(made, "id");
  const json::value deleted = (co_await call(Method::del, path)).value();
  EXPECT_EQ(deleted.at("message"), "Database deleted successfully");
  EXPECT_EQ(deleted.at("data").at("status"), "deleted");
  EXPECT_FALSE(deleted.at("data").at("purge_after").is_null());
  EXPECT_EQ(gate.routes.begin()->second.state, RouteState::deleted);
  EXPECT_EQ(node->instances.begin()->second.state, nodeapi::InstanceState::stopped);
  EXPECT_EQ(code_of(co_await get(path)), "database_deleted");
  EXPECT_EQ(code_of(co_await call(Method::del, path)), "database_deleted");
  EXPECT_EQ(code_of(co_await get(path + "/stats")), "database_deleted");
  EXPECT_EQ(code_of(co_await get(path + "/connection-strings")), "database_deleted");
  EXPECT_EQ((co_await get("/api/databases"))->at("count"), 0);
  EXPECT_EQ((co_await get("/api/databases", {{"includeDeleted", "true"}}))->at("count"), 1);
  EXPECT_TRUE(co_await create("next", {{"name", "shop"}})) << "the name is free again";
}
TEST_F(DatabasesTest, a_deleted_database_refuses_everybody_and_keeps_its_data) {
  run(deletes());
}

asio::awaitable<void> DatabasesTest::purges() {
  co_await join(gate);
  const json::value made = (co_await create("gone soon")).value();
  const json::value kept = (co_await create("kept")).value();
  const std::string path = "/api/databases/" + text(made, "id");
  EXPECT_TRUE(co_await call(Method::del, path));
  EXPECT_TRUE(co_await call(Method::del, "/api/databases/" + text(kept, "id")));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.databases SET purge_after = now() - interval '1 s', "
                   "purge_after_elapsed_s = 0 "
                   "WHERE friendly_name = 'gone soon'"));
  // The reconciler looks every 10 s; a restart looks at once.
  co_await stop_service();
  co_await start_service();
  co_await until("SELECT string_agg(friendly_name, ',') FROM howdah.databases", "kept");
  EXPECT_EQ(code_of(co_await get(path)), "not_found");
  EXPECT_EQ(node->instances.size(), 1U) << "the data of the other is there";
  EXPECT_EQ(co_await ask("SELECT action FROM howdah.audit_logs ORDER BY position DESC LIMIT 1"),
            "database.purge");
}
TEST_F(DatabasesTest, only_a_database_whose_date_has_come_is_purged) {
  run(purges());
}

asio::awaitable<void> DatabasesTest::sleeps() {
  const json::value made = (co_await create("sleeper")).value();
  const std::string path = "/api/databases/" + text(made, "id");
  const InstanceId id = node->instances.begin()->first;
  node->change(id, nodeapi::InstanceState::stopped, "idle");
  co_await until_status(path, "suspended");
  node->change(id, nodeapi::InstanceState::failed, "exit 1");
  co_await until_status(path, "failed");
  EXPECT_EQ((co_await get(path))->at("data").at("status_reason"), "exit 1");
  // A node agent that was started anew: everything is listed again.
  node->boot_id = "boot-2";
  node->instances.at(id).state = nodeapi::InstanceState::running;
  co_await until_status(path, "active");
  EXPECT_EQ(node->wakes, 0);
}
TEST_F(DatabasesTest, the_status_follows_the_node_without_waking_anything) {
  run(sleeps());
}

asio::awaitable<void> DatabasesTest::lists() {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(co_await create("db " + std::to_string(i)));
  const auto all = co_await get("/api/databases");
  EXPECT_EQ(all->at("count"), 5);
  EXPECT_EQ(all->at("data").at(0).as_object().if_contains("password"), nullptr);
  std::string seen;
  http::Query query{{"limit", "2"}};
  for (int page = 0; page < 3; ++page) {
    const auto part = co_await get("/api/databases", query);
    for (const auto& one : part->at("data").as_array()) seen += text(one, "friendly_name") + ";";
    const json::value* meta = part->as_object().if_contains("meta");
    if (meta == nullptr) break;
    query = {{"limit", "2"}, {"cursor", text(*meta, "next_cursor")}};
  }
  EXPECT_EQ(seen, "db 0;db 1;db 2;db 3;db 4;");
}
TEST_F(DatabasesTest, lists_come_in_pages_in_the_order_of_creation) {
  run(lists());
}

asio::awaitable<void> DatabasesTest::samples() {
  node->makes_databases = true;
  const auto made = co_await create("demo", {{"sampleData", true}});
  EXPECT_TRUE(made) << made.error().to_log();
  EXPECT_EQ(text(*made, "status"), "active");
  auto connection =
      (co_await pg::Connection::open(server().connect_options("tenant_slug0001"))).value();
  const auto rows = co_await connection.query(
      "SELECT (SELECT count(*) FROM public.customers) AS customers, "
      "(SELECT count(*) FROM public.products) AS products, "
      "(SELECT count(*) FROM public.orders) AS orders, "
      "(SELECT count(*) FROM public.order_items) AS items, "
      "(SELECT count(DISTINCT tableowner) FROM pg_tables WHERE tableowner = 'user_slug0001') "
      "AS owners");
  EXPECT_EQ(rows->integer(0, "customers"), 80);
  EXPECT_EQ(rows->integer(0, "products"), 42);
  EXPECT_EQ(rows->integer(0, "orders"), 300);
  EXPECT_EQ(rows->integer(0, "items"), 750);
  EXPECT_EQ(rows->integer(0, "owners"), 1) << "everything belongs to the owner role";
}
TEST_F(DatabasesTest, sample_data_is_loaded_as_the_owner) {
  run(samples());
}

}  // namespace
}  // namespace howdah::control
