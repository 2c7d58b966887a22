// SPDX-License-Identifier: Apache-2.0
#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class OrganisationTest : public testing::ServiceTest {
 protected:
  static constexpr const char* kPath = "/api/organisation";
  // The bodies of the tests.
  asio::awaitable<void> changes();
  asio::awaitable<void> closes();
  asio::awaitable<void> caps();
  asio::awaitable<void> branch_cap();
  asio::awaitable<void> storage_cap();
  asio::awaitable<void> refuses();

  Task<json::value> patch(json::value body) {
    co_return co_await call(Method::patch, kPath, std::move(body));
  }
};

asio::awaitable<void> OrganisationTest::changes() {
  const auto fresh = co_await get(kPath);
  EXPECT_EQ(fresh->at("data").at("firewall_default"), "open");
  EXPECT_TRUE(fresh->at("data").at("databases_max").is_null());
  const auto changed = co_await patch(
      {{"databasesMax", 5}, {"branches_max", 50}, {"storageBytesMax", 1'073'741'824}});
  EXPECT_EQ(code_of(changed), "ok");
  const json::value shown = (co_await get(kPath))->at("data");
  EXPECT_EQ(shown, changed->at("data"));
  EXPECT_EQ(shown.at("databases_max"), 5);
  EXPECT_EQ(shown.at("branches_max"), 50);
  EXPECT_EQ(shown.at("storage_bytes_max"), 1'073'741'824);
  EXPECT_EQ(shown.at("firewall_default"), "open") << "what is not given stays";
  EXPECT_TRUE(
      (co_await patch({{"databasesMax", nullptr}}))->at("data").at("databases_max").is_null());
  EXPECT_EQ((co_await get(kPath))->at("data").at("branches_max"), 50);
  EXPECT_TRUE(co_await patch(json::object{})) << "nothing asked, nothing done";
  EXPECT_EQ(co_await ask("SELECT string_agg(details::text, ' ' ORDER BY position) "
                         "FROM howdah.audit_logs WHERE action = 'organisation.update'"),
            R"({"databases_max":{"from":null,"to":5},"branches_max":{"from":null,"to":50},)"
            R"("storage_bytes_max":{"from":null,"to":1073741824}} )"
            R"({"databases_max":{"from":5,"to":null}})");
}
TEST_F(OrganisationTest, settings_are_changed_field_by_field_with_a_trace) {
  run(changes());
}

asio::awaitable<void> OrganisationTest::closes() {
  co_await join(gate);
  EXPECT_TRUE(co_await create("one"));
  EXPECT_TRUE(co_await create("two", {{"allowedIps", json::array{"10.0.0.0/8"}}}));
  EXPECT_EQ(code_of(co_await patch({{"firewallDefault", "closed"}})), "ok");
  for (const auto& [id, route] : gate.routes) EXPECT_TRUE(route.default_closed) << route.slug;
  EXPECT_TRUE(co_await create("three"));
  EXPECT_EQ(gate.routes.size(), 3U);
  for (const auto& [id, route] : gate.routes) EXPECT_TRUE(route.default_closed) << route.slug;
  EXPECT_EQ(code_of(co_await patch({{"firewallDefault", "open"}})), "ok");
  int closed = 0;
  for (const auto& [id, route] : gate.routes) closed += route.default_closed ? 1 : 0;
  EXPECT_EQ(closed, 1) << "the one with a rule";
  EXPECT_EQ(gate.snapshots, 1) << "told as a change";
  EXPECT_EQ(gate.gaps, 0);
}
TEST_F(OrganisationTest, a_changed_firewall_default_is_at_the_gates_when_it_is_answered) {
  run(closes());
}

asio::awaitable<void> OrganisationTest::caps() {
  EXPECT_TRUE(co_await patch({{"databasesMax", 2}}));
  const auto first = co_await create("one");
  EXPECT_TRUE(first);
  EXPECT_TRUE(co_await create("two"));
  const auto third = co_await create("three");
  EXPECT_EQ(code_of(third), "limit_reached");
  EXPECT_NE(third.error().message.find("2 databases"), std::string::npos);
  EXPECT_EQ(node->claims, 2) << "nothing was begun";
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.databases"), "2");
  const std::string path = "/api/databases/" + std::string(first->at("id").as_string());
  EXPECT_TRUE(co_await call(Method::del, path));
  EXPECT_EQ(code_of(co_await create("three")), "ok") << "a deleted one makes room";
  EXPECT_TRUE(co_await patch({{"databasesMax", 0}}));
  EXPECT_EQ(code_of(co_await create("four")), "limit_reached");
  EXPECT_TRUE(co_await patch({{"databasesMax", nullptr}}));
  EXPECT_EQ(code_of(co_await create("four")), "ok");
}
TEST_F(OrganisationTest, the_cap_on_databases_holds_when_one_is_made) {
  run(caps());
}

asio::awaitable<void> OrganisationTest::branch_cap() {
  EXPECT_TRUE(co_await patch({{"branchesMax", 1}}));
  EXPECT_TRUE(co_await create("one"));
  const auto second = co_await create("two");
  EXPECT_EQ(code_of(second), "limit_reached");
  EXPECT_NE(second.error().message.find("1 branches"), std::string::npos);
  EXPECT_TRUE(co_await patch({{"branchesMax", 2}}));
  EXPECT_EQ(code_of(co_await create("two")), "ok");
}
TEST_F(OrganisationTest, the_cap_on_branches_counts_the_main_ones) {
  run(branch_cap());
}

asio::awaitable<void> OrganisationTest::storage_cap() {
  constexpr std::int64_t kUnit = 104'857'600;
  const json::object unit{{"storageLimitBytes", kUnit}};
  EXPECT_TRUE(co_await patch({{"storageBytesMax", 2 * kUnit}}));
  const auto one = co_await create("one", unit);
  EXPECT_TRUE(one);
  const auto large = co_await create("large", {{"storageLimitBytes", kUnit + 1}});
  EXPECT_EQ(code_of(large), "limit_reached");
  EXPECT_NE(large.error().hint.find("storageLimitBytes"), std::string::npos);
  EXPECT_EQ(code_of(co_await create("two", unit)), "ok") << "exactly the cap";
  EXPECT_EQ(code_of(co_await create("without a limit")), "limit_reached");
  const std::string path = "/api/databases/" + std::string(one->at("id").as_string());
  EXPECT_EQ(code_of(co_await call(Method::patch, path, {{"storageLimitBytes", kUnit + 1}})),
            "limit_reached");
  EXPECT_TRUE(co_await patch({{"storageBytesMax", 2 * kUnit + 1}}));
  EXPECT_TRUE(co_await call(Method::patch, path, {{"storageLimitBytes", kUnit + 1}}));
  EXPECT_TRUE(co_await call(Method::patch, path, {{"storageLimitBytes", kUnit}}));
  const auto without = co_await create("without a limit");
  EXPECT_EQ(code_of(without), "ok") << "there is something left";
  // From now on it counts with what was measured.
  (void)co_await ask(
      "INSERT INTO howdah.database_stats (branch_id, at, organisation_id, database_id, size_bytes,"
      " active_connections, details) SELECT b.id, now(), b.organisation_id, b.database_id, 0, 0,"
      " '{\"storage_bytes\": 7}' FROM howdah.branches b JOIN howdah.databases d "
      "ON d.id = b.database_id WHERE d.friendly_name = 'without a limit' RETURNING 1");
  EXPECT_EQ(code_of(co_await create("three")), "limit_reached");
  EXPECT_TRUE(co_await patch({{"storageBytesMax", nullptr}}));
  EXPECT_EQ(code_of(co_await create("three")), "ok");
}
TEST_F(OrganisationTest, the_cap_on_storage_sums_limits_and_what_was_measured_without) {
  run(storage_cap());
}

asio::awaitable<void> OrganisationTest::refuses() {
  for (const json::value& body :
       std::initializer_list<json::value>{{{"firewallDefault", "ajar"}},
                                          {{"firewallDefault", 5}},
                                          {{"databasesMax", -1}},
                                          {{"databasesMax", "5"}},
                                          {{"databasesMax", 1'000'001}},
                                          {{"branchesMax", 1.5}},
                                          {{"storageBytesMax", 9'007'199'254'740'992}},
                                          {{"databases", 5}},
                                          json::array{}}) {
    EXPECT_EQ(code_of(co_await patch(body)), "invalid_request") << json::serialize(body);
  }
  EXPECT_EQ(code_of(co_await get(kPath, {{"x", "1"}})), "invalid_request");
}
TEST_F(OrganisationTest, wrong_settings_are_refused) {
  run(refuses());
}

}  // namespace
}  // namespace howdah::control
