// SPDX-License-Identifier: Apache-2.0
// What becomes of a database, by the API: changed, paused, resumed, deleted, brought back, purged.
#include "control/databases/lifecycle.h"

#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using nodeapi::InstanceState;
using testing::code_of;

class LifecycleTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> changes();
  asio::awaitable<void> changes_later();
  asio::awaitable<void> refuses_changes();
  asio::awaitable<void> races();
  asio::awaitable<void> knows();
  asio::awaitable<void> pauses();
  asio::awaitable<void> goes_on_pausing();
  asio::awaitable<void> names_gates();
  asio::awaitable<void> comes_back();
  asio::awaitable<void> stays_away();
  asio::awaitable<void> purges();
  asio::awaitable<void> goes_on_purging();
  asio::awaitable<void> plans();
  asio::awaitable<void> blocks();
  asio::awaitable<void> retires();

  struct Made {
    std::string path;
    std::string id;
    std::string slug;
  };
  asio::awaitable<Made> make(std::string name, json::object more = {}) {
    const auto data = co_await create(std::move(name), std::move(more));
    EXPECT_TRUE(data) << data.error().to_log();
    const std::string id(data->at("id").as_string());
    co_return Made{"/api/databases/" + id, id,
                   std::string(data->at("database_name").as_string()).substr(7)};
  }
  asio::awaitable<http::Response> send(Method method, std::string path, json::value body = nullptr,
                                       http::Headers headers = {}) {
    http::Request request{.method = method, .path = std::move(path), .headers = std::move(headers)};
    if (!body.is_null()) request.body = json::serialize(body);
    auto response = co_await client->send(std::move(request), milliseconds{20'000});
    EXPECT_TRUE(response) << response.error().to_log();
    co_return response ? *response : http::Response{};
  }
  Task<json::value> patch(std::string path, json::value body) {
    co_return co_await call(Method::patch, std::move(path), std::move(body));
  }
  Task<json::value> post(std::string path, json::value body = nullptr) {
    co_return co_await call(Method::post, std::move(path), std::move(body));
  }
  nodeapi::Instance& instance() { return node->instances.begin()->second; }
  const Route& route() { return gate.routes.begin()->second; }
  // Waits until the query answers `wanted`.
  asio::awaitable<void> until(std::string query, std::string wanted) {
    std::string answer;
    for (int i = 0; i < 500 && answer != wanted; ++i) {
      co_await net::sleep_for(milliseconds{20});
      answer = co_await ask(query);
    }
    EXPECT_EQ(answer, wanted) << query;
  }
  static constexpr const char* kActions =
      "SELECT string_agg(action, ' ' ORDER BY position) FROM howdah.audit_logs "
      "WHERE action LIKE 'database.%'";
};

asio::awaitable<void> LifecycleTest::changes() {
  co_await join(gate);
  const Made made = co_await make("shop", {{"name", "shop"}});
  const auto changed =
      co_await patch(made.path, {{"friendlyName", "Bazaar"},
                                 {"owner_email", "new@example.com"},
                                 {"name", nullptr},
                                 {"maxConnections", 40},
                                 {"suspendAfterSeconds", 0},
                                 {"storageLimitBytes", 1'073'741'824},
                                 {"sizeClass", "custom"},
                                 {"settings", {{"work_mem", "64MB"}, {"jit", true}}},
                                 {"protected", true}});
  EXPECT_EQ(code_of(changed), "ok");
  const json::object shown = (co_await get(made.path))->at("data").as_object();
  EXPECT_EQ(shown, changed->at("data"));
  EXPECT_EQ(shown.at("friendly_name"), "Bazaar");
  EXPECT_EQ(shown.at("owner_email"), "new@example.com");
  EXPECT_TRUE(shown.at("name").is_null());
  EXPECT_EQ(shown.at("max_connections"), 40);
  EXPECT_EQ(shown.at("suspend_after_seconds"), 0);
  EXPECT_EQ(shown.at("storage_limit_bytes"), 1'073'741'824);
  EXPECT_EQ(shown.at("storage_limit_bytes_pretty"), "1024 MB");
  EXPECT_EQ(shown.at("size_class"), "custom");
  EXPECT_EQ(json::serialize(shown.at("settings")), R"({"jit":"on","work_mem":"64MB"})");
  EXPECT_EQ(shown.at("protected"), true);
  EXPECT_EQ(json::serialize(changed->at("meta").at("applied_at_next_start")),
            R"(["size_class","settings","max_connections"])");
  // Gate and node have it when the call is answered.
  EXPECT_EQ(route().max_connections, 40);
  EXPECT_EQ(instance().max_connections, 40);
  EXPECT_EQ(instance().suspend_after_s, 0);
  EXPECT_EQ(instance().size_class, "custom");
  EXPECT_EQ(instance().settings.at("jit"), "on");
  EXPECT_EQ(instance().state, InstanceState::running);
  // One setting by itself, then all.
  EXPECT_TRUE(co_await patch(made.path, {{"settings", {{"jit", nullptr}}}}));
  EXPECT_EQ(instance().settings, (nodeapi::ServerSettings{{"work_mem", "64MB"}}));
  EXPECT_TRUE(co_await patch(made.path, {{"settings", nullptr}, {"storageLimitBytes", nullptr}}));
  EXPECT_TRUE(instance().settings.empty());
  EXPECT_EQ((co_await patch(made.path, json::object{}))->at("message"), "Nothing to change");
  EXPECT_EQ(co_await ask(kActions),
            "database.create database.update database.update database.update");
  EXPECT_EQ(co_await ask("SELECT details::text FROM howdah.audit_logs "
                         "WHERE action = 'database.update' ORDER BY position DESC LIMIT 1"),
            R"({"storage_limit_bytes":{"from":1073741824,"to":null},)"
            R"("settings":{"from":{"work_mem":"64MB"},"to":{}}})");
}
TEST_F(LifecycleTest, a_change_is_at_gate_and_node_when_it_is_answered) {
  run(changes());
}

asio::awaitable<void> LifecycleTest::changes_later() {
  co_await join(gate);
  const Made made = co_await make("shop");
  node->configure_fails = ErrorCode::unavailable;
  const auto response = co_await send(Method::patch, made.path, {{"suspendAfterSeconds", 5}});
  EXPECT_EQ(response.status, 202);
  EXPECT_NE(response.body.find("it is saved, and the node is told within 30 s"), std::string::npos);
  EXPECT_EQ(instance().suspend_after_s, 300);
  node->configure_fails.reset();
  // The reconciler looks every 10 s; a restart looks at once.
  co_await stop_service();
  co_await start_service();
  for (int i = 0; i < 200 && instance().suspend_after_s != 5; ++i) {
    co_await net::sleep_for(milliseconds{20});
  }
  EXPECT_EQ(instance().suspend_after_s, 5);
}
TEST_F(LifecycleTest, a_change_that_the_node_did_not_hear_is_brought_to_it_later) {
  run(changes_later());
}

asio::awaitable<void> LifecycleTest::refuses_changes() {
  const Made made = co_await make("shop");
  (void)co_await make("other", {{"name", "taken"}});
  for (const json::value& body :
       std::initializer_list<json::value>{{{"friendlyName", ""}},
                                          {{"friendlyName", nullptr}},
                                          {{"ownerEmail", "nobody"}},
                                          {{"maxConnections", 501}},
                                          {{"maxConnections", nullptr}},
                                          {{"suspendAfterSeconds", -1}},
                                          {{"sizeClass", "huge"}},
                                          {{"settings", {{"fsync", "off"}}}},
                                          {{"settings", {{"work_mem", "64MB\nfsync=off"}}}},
                                          {{"pgVersion", 16}},
                                          {{"status", "paused"}},
                                          {{"protected", 1}},
                                          json::array{}}) {
    EXPECT_EQ(code_of(co_await patch(made.path, body)), "invalid_request") << json::serialize(body);
  }
  const auto taken = co_await patch(made.path, {{"name", "taken"}});
  EXPECT_EQ(code_of(taken), "conflict");
  EXPECT_EQ(taken.error().fields.at(0).pointer, "/name");
  EXPECT_EQ(code_of(co_await call(Method::patch, made.path, json::object{}, {{"x", "1"}})),
            "invalid_request");
  const std::string nobody = "/api/databases/00000000-0000-4000-8000-00000000dead";
  EXPECT_EQ(code_of(co_await patch(nobody, json::object{})), "not_found");
  EXPECT_TRUE(co_await call(Method::del, made.path));
  EXPECT_EQ(code_of(co_await patch(made.path, {{"friendlyName", "x"}})), "database_deleted");
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.audit_logs "
                         "WHERE action = 'database.update'"),
            "0");
}
TEST_F(LifecycleTest, a_wrong_change_is_refused_by_field_and_changes_nothing) {
  run(refuses_changes());
}

asio::awaitable<void> LifecycleTest::races() {
  const Made made = co_await make("shop");
  const auto first = co_await send(Method::get, made.path);
  const std::string etag = first.headers.at("ETag");
  const auto mine =
      co_await send(Method::patch, made.path, {{"friendlyName", "mine"}}, {{"If-Match", etag}});
  EXPECT_EQ(mine.status, 200);
  EXPECT_NE(mine.headers.at("ETag"), etag);
  const auto theirs =
      co_await send(Method::patch, made.path, {{"friendlyName", "theirs"}}, {{"If-Match", etag}});
  EXPECT_EQ(theirs.status, 412);
  EXPECT_NE(theirs.body.find("GET it again"), std::string::npos) << "it says what to do";
  EXPECT_EQ((co_await get(made.path))->at("data").at("friendly_name"), "mine");
  EXPECT_EQ((co_await send(Method::del, made.path, nullptr, {{"If-Match", etag}})).status, 412);
  EXPECT_EQ((co_await send(Method::del, made.path, nullptr, {{"If-Match", "7"}})).status, 400);
  // Falling asleep is no change that a PATCH could lose.
  const std::string present = mine.headers.at("ETag");
  node->change(instance().id, InstanceState::stopped, "idle");
  std::string asleep = present;
  for (int i = 0; i < 200 && asleep == present; ++i) {
    co_await net::sleep_for(milliseconds{10});
    asleep = (co_await send(Method::get, made.path)).headers.at("ETag");
  }
  EXPECT_NE(asleep, present) << "but what is shown is different";
  EXPECT_EQ((co_await send(Method::patch, made.path, {{"friendlyName", "again"}},
                           {{"If-Match", present}}))
                .status,
            200);
  EXPECT_EQ((co_await send(Method::del, made.path, nullptr, {{"If-Match", "*"}})).status, 200);
}
TEST_F(LifecycleTest, if_match_lets_one_of_two_through) {
  run(races());
}

asio::awaitable<void> LifecycleTest::knows() {
  const Made made = co_await make("shop");
  for (const std::string& path : {made.path, std::string("/api/organisation")}) {
    const std::string etag = (co_await send(Method::get, path)).headers.at("ETag");
    const auto same = co_await send(Method::get, path, nullptr, {{"If-None-Match", etag}});
    EXPECT_EQ(same.status, 304) << path;
    EXPECT_TRUE(same.body.empty());
    EXPECT_EQ(same.headers.at("ETag"), etag);
    EXPECT_EQ((co_await send(Method::get, path, nullptr, {{"If-None-Match", "\"1-x\""}})).status,
              200);
  }
  const std::string settings = "/api/organisation";
  const std::string etag = (co_await send(Method::get, settings)).headers.at("ETag");
  const http::Headers condition{{"If-Match", etag}};
  EXPECT_EQ((co_await send(Method::patch, settings, {{"databasesMax", 9}}, condition)).status, 200);
  EXPECT_EQ((co_await send(Method::patch, settings, {{"databasesMax", 8}}, condition)).status, 412);
  EXPECT_EQ((co_await get(settings))->at("data").at("databases_max"), 9);
}
TEST_F(LifecycleTest, what_a_caller_has_already_is_not_sent_again) {
  run(knows());
}

asio::awaitable<void> LifecycleTest::pauses() {
  co_await join(gate);
  const Made made = co_await make("shop");
  const auto paused = co_await post(made.path + "/pause", {{"reason", "unpaid"}});
  EXPECT_EQ(code_of(paused), "ok");
  EXPECT_EQ(paused->at("message"), "Database paused");
  EXPECT_EQ(paused->at("data").at("status"), "paused");
  EXPECT_EQ(paused->at("data").at("status_reason"), "unpaid");
  EXPECT_FALSE(paused->at("data").at("paused_at").is_null());
  EXPECT_EQ(paused->at("operations").at(0).at("state"), "finished");
  EXPECT_EQ(route().state, RouteState::paused);
  EXPECT_EQ(instance().state, InstanceState::stopped);
  EXPECT_TRUE(instance().paused);
  EXPECT_EQ((co_await post(made.path + "/pause"))->at("message"), "The database is paused already");
  // Looking at it wakes nothing.
  EXPECT_TRUE(co_await get(made.path + "/stats"));
  EXPECT_EQ(node->wakes, 0);
  const auto resumed = co_await post(made.path + "/resume", {{"reason", "paid"}});
  EXPECT_EQ(resumed->at("message"), "Database resumed");
  EXPECT_TRUE(resumed->at("data").at("paused_at").is_null());
  EXPECT_EQ(route().state, RouteState::open);
  EXPECT_FALSE(instance().paused);
  EXPECT_EQ(instance().state, InstanceState::stopped) << "the next connection starts it";
  EXPECT_EQ((co_await post(made.path + "/resume"))->at("message"), "The database is not paused");
  EXPECT_EQ(co_await ask(kActions), "database.create database.pause database.resume");
  EXPECT_EQ(code_of(co_await post(made.path + "/pause", {{"reason", std::string(201, 'x')}})),
            "invalid_request");
  EXPECT_EQ(code_of(co_await post(made.path + "/pause", {{"why", "x"}})), "invalid_request");
}
TEST_F(LifecycleTest, a_paused_database_is_closed_and_stopped_until_it_is_resumed) {
  run(pauses());
}

// howdahd ends in the middle of a pause: the next one finishes it.
asio::awaitable<void> LifecycleTest::goes_on_pausing() {
  co_await join(gate);
  const Made made = co_await make("shop");
  node->configure_fails = ErrorCode::unavailable;
  net::TaskGroup callers(io.get_executor());
  const auto ask_for_it = [](LifecycleTest* test, std::string path) -> asio::awaitable<void> {
    (void)co_await test->post(std::move(path));
  };
  callers.spawn("caller", ask_for_it(this, made.path + "/pause"));
  co_await until("SELECT status FROM howdah.databases", "paused");
  co_await stop_service();
  EXPECT_EQ(instance().state, InstanceState::running) << "not there yet";
  node->configure_fails.reset();
  co_await start_service();
  co_await until("SELECT state FROM howdah.jobs WHERE kind = 'database.pause'", "finished");
  EXPECT_EQ(instance().state, InstanceState::stopped);
  EXPECT_EQ(co_await ask(kActions), "database.create database.pause") << "one row, not two";
  co_await callers.stop(milliseconds{1'000});
}
TEST_F(LifecycleTest, a_pause_goes_on_after_a_restart_in_the_middle) {
  run(goes_on_pausing());
}

asio::awaitable<void> LifecycleTest::names_gates() {
  co_await join(gate);
  co_await join(second_gate);
  const Made made = co_await make("shop");
  second_gate.acknowledges = false;
  const auto response = co_await send(Method::post, made.path + "/pause");
  EXPECT_EQ(response.status, 202);
  EXPECT_NE(response.body.find("not yet acknowledged by gate gate-2"), std::string::npos)
      << response.body;
  EXPECT_NE(response.headers.at("Location").find("/api/operations/"), std::string::npos);
  second_gate.acknowledges = true;
  EXPECT_EQ((co_await send(Method::post, made.path + "/resume")).status, 200);
}
TEST_F(LifecycleTest, a_gate_that_has_not_heard_of_the_pause_is_named) {
  run(names_gates());
}

asio::awaitable<void> LifecycleTest::comes_back() {
  co_await join(gate);
  const Made made = co_await make("shop", {{"name", "shop"}});
  const std::string verifier = route().roles.at(0).verifiers.at(0).verifier;
  EXPECT_TRUE(co_await call(Method::del, made.path));
  EXPECT_TRUE(instance().paused) << "the node refuses it as well";
  EXPECT_EQ(code_of(co_await post(made.path + "/pause")), "database_deleted");
  EXPECT_EQ(code_of(co_await post(made.path + "/resume")), "database_deleted");
  const auto back = co_await post(made.path + "/undelete");
  EXPECT_EQ(code_of(back), "ok");
  EXPECT_EQ(back->at("message"), "Database undeleted");
  const json::value& data = back->at("data");
  EXPECT_EQ(data.at("name"), "shop");
  EXPECT_TRUE(data.at("deleted_at").is_null() && data.at("purge_after").is_null());
  EXPECT_EQ(route().state, RouteState::open);
  EXPECT_EQ(route().roles.at(0).verifiers.at(0).verifier, verifier) << "the same password";
  EXPECT_FALSE(instance().paused);
  EXPECT_EQ((co_await post(made.path + "/undelete"))->at("message"), "The database is not deleted");
  EXPECT_EQ(co_await ask(kActions), "database.create database.delete database.undelete");
  // And it can be deleted once more.
  EXPECT_TRUE(co_await call(Method::del, made.path));
}
TEST_F(LifecycleTest, an_undeleted_database_is_as_it_was) {
  run(comes_back());
}

asio::awaitable<void> LifecycleTest::stays_away() {
  const Made made = co_await make("shop", {{"name", "shop"}});
  EXPECT_TRUE(co_await call(Method::del, made.path));
  const Made other = co_await make("other", {{"name", "shop"}});
  const auto taken = co_await post(made.path + "/undelete");
  EXPECT_EQ(code_of(taken), "conflict");
  EXPECT_NE(taken.error().message.find("shop"), std::string::npos);
  EXPECT_TRUE(co_await patch(other.path, {{"name", "shop-2"}}));
  EXPECT_TRUE(co_await call(Method::patch, "/api/organisation", {{"databasesMax", 1}}));
  EXPECT_EQ(code_of(co_await post(made.path + "/undelete")), "limit_reached");
  EXPECT_TRUE(co_await call(Method::patch, "/api/organisation", {{"databasesMax", nullptr}}));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.databases SET purge_after = now() - interval '1 s' "
                   "WHERE friendly_name = 'shop'"));
  const auto late = co_await post(made.path + "/undelete");
  EXPECT_EQ(code_of(late), "database_deleted");
  EXPECT_NE(late.error().message.find("its time was over"), std::string::npos);
}
TEST_F(LifecycleTest, what_keeps_a_database_from_coming_back_is_said) {
  run(stays_away());
}

asio::awaitable<void> LifecycleTest::purges() {
  co_await join(gate);
  const Made made = co_await make("My shop", {{"protected", true}});
  const Made kept = co_await make("kept");
  const auto purge = [this](std::string path, std::string confirm) {
    return call(Method::del, std::move(path), nullptr,
                {{"purge", "true"}, {"confirm", std::move(confirm)}});
  };
  EXPECT_EQ(code_of(co_await purge(made.path, "My shop")), "conflict") << "protected";
  EXPECT_TRUE(co_await patch(made.path, {{"protected", false}}));
  EXPECT_EQ(code_of(co_await purge(made.path, "kept")), "invalid_request");
  EXPECT_EQ(code_of(co_await call(Method::del, made.path, nullptr, {{"purge", "true"}})),
            "invalid_request");
  EXPECT_EQ(code_of(co_await call(Method::del, made.path, nullptr, {{"confirm", "My shop"}})),
            "invalid_request");
  EXPECT_EQ(node->instances.size(), 2U);
  const auto purged = co_await purge(made.path, "My shop");
  EXPECT_EQ(code_of(purged), "ok");
  EXPECT_EQ(purged->at("data").at("purged"), true);
  EXPECT_EQ(node->instances.size(), 1U);
  EXPECT_EQ(gate.routes.size(), 1U);
  EXPECT_EQ(code_of(co_await get(made.path)), "not_found");
  EXPECT_EQ(co_await ask("SELECT slug FROM howdah.retired_slugs"), made.slug);
  EXPECT_EQ(co_await ask("SELECT action FROM howdah.audit_logs ORDER BY position DESC LIMIT 1"),
            "database.purge");
  // One that was deleted before, by its other name.
  EXPECT_TRUE(co_await call(Method::del, kept.path));
  EXPECT_EQ(code_of(co_await purge(kept.path, "tenant_" + kept.slug)), "ok");
  EXPECT_TRUE(node->instances.empty());
  EXPECT_EQ(code_of(co_await post(kept.path + "/undelete")), "not_found");
}
TEST_F(LifecycleTest, a_purge_takes_everything_and_needs_the_name) {
  run(purges());
}

// howdahd ends between the mark and the deletion of the data.
asio::awaitable<void> LifecycleTest::goes_on_purging() {
  const Made made = co_await make("shop");
  net::TaskGroup callers(io.get_executor());
  const auto ask_for_it = [](LifecycleTest* test, std::string path) -> asio::awaitable<void> {
    (void)co_await test->call(Method::del, std::move(path), nullptr,
                              {{"purge", "true"}, {"confirm", "shop"}});
  };
  node->remove_fails = ErrorCode::unavailable;
  callers.spawn("caller", ask_for_it(this, made.path));
  co_await until("SELECT status FROM howdah.databases", "deleted");
  EXPECT_EQ(code_of(co_await post(made.path + "/undelete")), "database_deleted")
      << "there is no way back from a purge that has begun";
  co_await stop_service();
  node->remove_fails.reset();
  co_await start_service();
  co_await until("SELECT count(*) FROM howdah.databases", "0");
  EXPECT_TRUE(node->instances.empty());
  co_await callers.stop(milliseconds{1'000});
}
TEST_F(LifecycleTest, a_purge_goes_on_after_a_restart_in_the_middle) {
  run(goes_on_purging());
}

asio::awaitable<void> LifecycleTest::plans() {
  co_await join(gate);
  const Made made = co_await make("shop", {{"name", "shop"}});
  EXPECT_TRUE(co_await gate.report(route().branch_id, 3));
  co_await net::sleep_for(milliseconds{50});
  const std::string before = co_await ask("SELECT d::text FROM howdah.databases d");
  const http::Query dry{{"dry_run", "true"}};
  const auto paused = co_await call(Method::post, made.path + "/pause", nullptr, dry);
  EXPECT_EQ(json::serialize(paused->at("data").at("changes")),
            R"({"status":{"from":"active","to":"paused"}})");
  EXPECT_EQ(paused->at("data").at("sessions_cut"), 3);
  EXPECT_EQ(paused->at("data").at("steps").as_array().size(), 3U);
  const auto deleted = co_await call(Method::del, made.path, nullptr, dry);
  EXPECT_EQ(deleted->at("data").at("action"), "database.delete");
  EXPECT_FALSE(deleted->at("data").at("purge_after").is_null());
  const auto changed = co_await call(Method::patch, made.path, {{"sizeClass", "small"}}, dry);
  EXPECT_EQ(json::serialize(changed->at("data").at("changes")),
            R"({"size_class":{"from":"nano","to":"small"}})");
  EXPECT_EQ(changed->at("data").at("applied_at_next_start").at(0), "size_class");
  const json::object wanted{{"friendlyName", "new"}, {"ownerEmail", "a@example.com"}};
  const auto created = co_await call(Method::post, "/api/databases", wanted, dry);
  EXPECT_EQ(created->at("data").at("action"), "database.create");
  // With the errors of the real call.
  EXPECT_EQ(code_of(co_await call(Method::patch, made.path, {{"maxConnections", 0}}, dry)),
            "invalid_request");
  json::object named = wanted;
  named["name"] = "shop";
  EXPECT_EQ(code_of(co_await call(Method::post, "/api/databases", named, dry)), "conflict");
  EXPECT_EQ(code_of(co_await call(Method::del, made.path, nullptr,
                                  {{"dry_run", "true"}, {"purge", "true"}})),
            "invalid_request");
  EXPECT_EQ(code_of(co_await call(Method::post, made.path + "/pause", nullptr, {{"dry_run", "1"}})),
            "invalid_request");
  // Nothing was done.
  EXPECT_EQ(co_await ask("SELECT d::text FROM howdah.databases d"), before);
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.jobs WHERE kind LIKE 'database.%'"), "1");
  EXPECT_EQ(co_await ask(kActions), "database.create");
  EXPECT_EQ(route().state, RouteState::open);
  EXPECT_EQ(instance().state, InstanceState::running);
}
TEST_F(LifecycleTest, a_plan_tells_what_would_be_and_does_nothing) {
  run(plans());
}

asio::awaitable<void> LifecycleTest::blocks() {
  const Made made = co_await make("shop");
  EXPECT_TRUE(
      co_await sql("INSERT INTO howdah.jobs (id, kind, exclusive_key, due_at) VALUES "
                   "('33333333-3333-4333-8333-333333333333', 'other', 'database:" +
                   made.id + "', now() + interval '1 h')"));
  const std::string place = "/api/operations/33333333-3333-4333-8333-333333333333";
  std::vector<Result<json::value>> answers;
  answers.push_back(co_await patch(made.path, {{"friendlyName", "x"}}));
  answers.push_back(co_await post(made.path + "/pause"));
  answers.push_back(co_await call(Method::del, made.path));
  answers.push_back(co_await call(Method::del, made.path, nullptr, {{"dry_run", "true"}}));
  for (const auto& answer : answers) {
    EXPECT_EQ(code_of(answer), "conflict");
    EXPECT_NE(answer.error().message.find("other (operation 33333333"), std::string::npos);
    EXPECT_EQ(answer.error().fields.at(0).pointer, place);
  }
}
TEST_F(LifecycleTest, other_work_on_the_database_is_named) {
  run(blocks());
}

asio::awaitable<void> LifecycleTest::retires() {
  EXPECT_TRUE(co_await sql("INSERT INTO howdah.retired_slugs (slug) VALUES ('slug0001')"));
  EXPECT_FALSE(co_await create("unlucky")) << "the node came up with a slug of long ago";
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.databases WHERE slug = 'slug0001'"), "0");
}
TEST_F(LifecycleTest, a_slug_of_a_purged_database_is_never_used_again) {
  run(retires());
}

}  // namespace
}  // namespace howdah::control
