// SPDX-License-Identifier: Apache-2.0
// The whitelist on a running service, as its callers and its gates see it.
#include <fmt/format.h>

#include <set>

#include "control/firewall/denied_log.h"
#include "control/firewall/denied_store.h"
#include "control/firewall/firewall.h"
#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class FirewallTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> adds();
  asio::awaitable<void> names();
  asio::awaitable<void> expires();
  asio::awaitable<void> refuses();
  asio::awaitable<void> fills();
  asio::awaitable<void> repeats();
  asio::awaitable<void> matches();
  asio::awaitable<void> starts();
  asio::awaitable<void> pages();
  asio::awaitable<void> denies();
  asio::awaitable<void> floods();
  asio::awaitable<void> prunes();
  asio::awaitable<void> branches();

  // Makes the database of the test; its gate is connected.
  asio::awaitable<void> make(json::object more = {}) {
    co_await join(gate);
    const auto made = co_await create("db", std::move(more));
    EXPECT_TRUE(made) << made.error().to_log();
    id = std::string(made->at("id").as_string());
    path = "/api/databases/" + id + "/whitelist";
  }
  Task<json::value> add(std::string address, json::object more = {}) {
    more["ipAddress"] = std::move(address);
    co_return co_await call(Method::post, path, std::move(more));
  }
  const Route& route() const { return gate.routes.begin()->second; }
  std::string networks() const {
    std::string all;
    for (const RouteRule& rule : route().rules) all += rule.network + " ";
    return all;
  }
  asio::awaitable<std::string> actions() {
    co_return co_await ask(
        "SELECT string_agg(action, ' ' ORDER BY position) FROM howdah.audit_logs "
        "WHERE action LIKE 'firewall%'");
  }

  std::string id, path;
};

std::string text(const json::value& data, std::string_view name) {
  const json::value* value = data.as_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

asio::awaitable<void> FirewallTest::adds() {
  co_await make();
  EXPECT_FALSE(route().default_closed);
  const auto added =
      co_await client->send({.method = Method::post,
                             .path = path,
                             .body = R"({"ipAddress":"203.0.113.7","description":"office"})"},
                            milliseconds{10'000});
  EXPECT_EQ(added->status, 201);
  const json::value data = parse_json(added->body)->at("data");
  std::string fields;
  for (const auto& field : data.as_object()) fields.append(field.key()) += ' ';
  EXPECT_EQ(fields,
            "id database_id ip_address description added_at expires_at branch added_by etag ");
  EXPECT_EQ(text(data, "database_id"), id);
  EXPECT_EQ(text(data, "ip_address"), "203.0.113.7");
  // The gate has it when the call is answered.
  EXPECT_EQ(networks(), "203.0.113.7/32 ");
  EXPECT_TRUE(route().default_closed);
  EXPECT_TRUE(co_await add("2001:db8::/32"));
  EXPECT_EQ(networks(), "203.0.113.7/32 2001:db8::/32 ");
  EXPECT_EQ((co_await get(path))->at("count"), 2);
  EXPECT_EQ((co_await get(path, {{"ipAddress", "2001:db8::/32"}}))->at("count"), 1);
  EXPECT_EQ(co_await ask("SELECT string_agg(ip_address, ' ' ORDER BY network) "
                         "FROM public.ip_whitelist"),
            "203.0.113.7 2001:db8::/32");

  const std::string one = path + "/" + text(data, "id");
  const auto removed = co_await call(Method::del, one);
  EXPECT_EQ(code_of(removed), "ok");
  EXPECT_EQ(text(removed->at("data"), "id"), text(data, "id"));
  EXPECT_EQ(networks(), "2001:db8::/32 ");
  EXPECT_EQ(co_await ask("SELECT count(*) FROM public.ip_whitelist"), "1");
  EXPECT_EQ(co_await actions(), "firewall_rule.create firewall_rule.create firewall_rule.delete");
  EXPECT_EQ(co_await ask("SELECT details ->> 'ip_address' FROM howdah.audit_logs "
                         "ORDER BY position DESC LIMIT 1"),
            "203.0.113.7");
}
TEST_F(FirewallTest, a_rule_is_at_the_gates_when_the_call_is_answered) {
  run(adds());
}

asio::awaitable<void> FirewallTest::names() {
  co_await make();
  gate.acknowledges = false;
  const auto added = co_await client->send(
      {.method = Method::post, .path = path, .body = R"({"ipAddress":"10.0.0.0/8"})"},
      milliseconds{10'000});
  EXPECT_EQ(added->status, 202);
  const json::value body = parse_json(added->body).value();
  EXPECT_NE(text(body, "message").find("gate-1"), std::string::npos) << text(body, "message");
  EXPECT_EQ((co_await get(path))->at("count"), 1) << "it is saved";
  const auto settings = co_await client->send({.method = Method::patch,
                                               .path = "/api/organisation",
                                               .body = R"({"firewallDefault":"closed"})"},
                                              milliseconds{10'000});
  EXPECT_EQ(settings->status, 202);
  // Removing it again, once the gate has caught up, is in force.
  gate.acknowledges = true;
  EXPECT_TRUE(co_await gate.acknowledge(gate.version));
  const auto removed = co_await client->send(
      {.method = Method::del, .path = path + "/" + text(body.at("data"), "id")},
      milliseconds{10'000});
  EXPECT_EQ(removed->status, 200);
}
TEST_F(FirewallTest, a_gate_that_does_not_acknowledge_is_named_with_202) {
  run(names());
}

asio::awaitable<void> FirewallTest::expires() {
  co_await make();
  EXPECT_TRUE(co_await add("10.0.0.0/8", {{"expiresAt", to_rfc3339(now() + milliseconds{300})}}));
  EXPECT_TRUE(route().rules.at(0).expires_at);
  EXPECT_EQ(code_of(co_await add("10.0.0.0/8")), "conflict");
  co_await net::sleep_for(milliseconds{350});
  EXPECT_EQ((co_await get(path))->at("count"), 1) << "listed until it is removed";
  // Something else changes, so the route is read anew.
  co_await join(second_gate);
  const auto other =
      co_await call(Method::patch, "/api/organisation", {{"firewallDefault", "open"}});
  EXPECT_EQ(code_of(other), "ok");
  EXPECT_TRUE(route().rules.empty());
  EXPECT_TRUE(route().default_closed) << "a list that ran out stays closed";
  // The same network once more takes the place of the expired rule.
  EXPECT_EQ(code_of(co_await add("10.0.0.0/8")), "ok");
  EXPECT_EQ((co_await get(path))->at("count"), 1);
  EXPECT_FALSE(route().rules.at(0).expires_at);
}
TEST_F(FirewallTest, an_expired_rule_keeps_the_door_closed_and_may_be_renewed) {
  run(expires());
}

asio::awaitable<void> FirewallTest::refuses() {
  co_await make();
  EXPECT_TRUE(co_await add("10.0.0.0/8"));
  for (const char* same : {"10.0.0.0/8", "::ffff:10.0.0.0/104"}) {
    const auto twice = co_await add(same);
    EXPECT_EQ(code_of(twice), "conflict") << same;
    EXPECT_EQ(twice.error().fields.at(0).pointer, "/ipAddress");
  }
  EXPECT_EQ(code_of(co_await add("10.1.2.3/8")), "invalid_request");
  EXPECT_EQ(code_of(co_await add("1.1.1.1", {{"branch", "nowhere"}})), "not_found");
  EXPECT_EQ(code_of(co_await get(path, {{"x", "1"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"ipAddress", "x"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await get(path, {{"cursor", "x"}})), "invalid_request");
  EXPECT_EQ(code_of(co_await call(Method::post, path, {{"ipAddress", "1.1.1.1"}}, {{"x", "1"}})),
            "invalid_request");
  const std::string rule = text((co_await get(path))->at("data").at(0), "id");
  const auto other = co_await create("other");
  const std::string others = "/api/databases/" + text(*other, "id") + "/whitelist";
  for (const std::string& unknown :
       {others + "/" + rule, path + "/nope", path + "/00000000-0000-4000-8000-00000000dead",
        std::string("/api/databases/nope/whitelist/") + rule}) {
    EXPECT_EQ(code_of(co_await call(Method::del, unknown)), "not_found") << unknown;
  }
  for (const char* none : {"nope", "00000000-0000-4000-8000-00000000dead"}) {
    const std::string there = fmt::format("/api/databases/{}/whitelist", none);
    EXPECT_EQ(code_of(co_await get(there)), "not_found");
    EXPECT_EQ(code_of(co_await get(there + "/denied")), "not_found");
    EXPECT_EQ(code_of(co_await call(Method::post, there, {{"ipAddress", "1.1.1.1"}})), "not_found");
  }
  EXPECT_EQ((co_await get(path))->at("count"), 1);
  EXPECT_TRUE(co_await call(Method::del, "/api/databases/" + id));
  EXPECT_EQ(code_of(co_await add("1.1.1.1")), "database_deleted");
  EXPECT_EQ(code_of(co_await get(path)), "database_deleted");
  EXPECT_EQ(code_of(co_await call(Method::del, path + "/" + rule)), "database_deleted");
  EXPECT_EQ(co_await actions(), "firewall_rule.create");
}
TEST_F(FirewallTest, wrong_requests_are_refused_and_change_nothing) {
  run(refuses());
}

asio::awaitable<void> FirewallTest::fills() {
  co_await make();
  const auto insert = fmt::format(
      "INSERT INTO howdah.firewall_rules (database_id, network, ip_address) "
      "SELECT '{}', a, a FROM (SELECT (inet '10.0.0.0' + i)::text AS t FROM "
      "generate_series(1, {}) i) s, LATERAL (SELECT t::cidr AS a) c",
      id, Firewall::kRulesMax - 1);
  EXPECT_TRUE(co_await sql(insert));
  EXPECT_EQ(code_of(co_await add("9.9.9.9")), "ok");
  EXPECT_EQ(route().rules.size(), static_cast<std::size_t>(Firewall::kRulesMax));
  const auto refused = co_await add("8.8.8.8");
  EXPECT_EQ(code_of(refused), "limit_reached");
  EXPECT_NE(refused.error().message.find("10000"), std::string::npos);
  const auto full = co_await get(path, {{"ipAddress", "9.9.9.9"}});
  const std::string rule = text(full->at("data").at(0), "id");
  EXPECT_EQ(code_of(co_await call(Method::del, path + "/" + rule)), "ok");
  EXPECT_EQ(code_of(co_await add("8.8.8.8")), "ok") << "removed rules do not count";
}
TEST_F(FirewallTest, a_database_takes_ten_thousand_rules_and_not_one_more) {
  run(fills());
}

asio::awaitable<void> FirewallTest::repeats() {
  co_await make();
  const auto added = co_await add("10.0.0.0/8");
  const std::string one = path + "/" + text(added->at("data"), "id");
  const auto first = co_await call(Method::del, one);
  const auto second = co_await call(Method::del, one);
  EXPECT_EQ(code_of(second), "ok");
  EXPECT_EQ(second->at("data"), first->at("data"));
  EXPECT_EQ(co_await actions(), "firewall_rule.create firewall_rule.delete") << "once";
  EXPECT_FALSE(route().default_closed) << "the last rule is gone";
  EXPECT_EQ(code_of(co_await add("10.0.0.0/8")), "ok") << "it may be added again";
  EXPECT_EQ(code_of(co_await call(Method::del, one)), "ok") << "which is another rule";
  EXPECT_EQ(networks(), "10.0.0.0/8 ");
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.firewall_rules SET removed_at = now() - interval '8 d' "
                   "WHERE removed_at IS NOT NULL"));
  pg::Pool pool(io.get_executor(), server().connect_options(std::string(Catalog::kDatabase)), 1);
  EXPECT_TRUE(co_await firewall_store::prune(pool, Firewall::kKeepRemoved));
  pool.close();
  EXPECT_EQ(code_of(co_await call(Method::del, one)), "not_found") << "forgotten after 7 days";
  EXPECT_EQ((co_await get(path))->at("count"), 1);
}
TEST_F(FirewallTest, removing_a_rule_twice_gets_the_same_answer) {
  run(repeats());
}

asio::awaitable<void> FirewallTest::matches() {
  co_await make();
  const auto first = co_await add("10.0.0.0/8");
  const auto second = co_await add("192.0.2.1");
  EXPECT_EQ(code_of(second), "ok");
  const auto listed = co_await get(path);
  const json::value& row = listed->at("data").at(0);
  EXPECT_EQ(row, first->at("data"));
  http::Request request{.method = Method::del,
                        .path = path + "/" + std::string(row.at("id").as_string())};
  request.headers["If-Match"] = std::string(second->at("data").at("etag").as_string());
  EXPECT_EQ((co_await client->send(request, milliseconds{20'000}))->status, 412);
  EXPECT_EQ((co_await get(path))->at("count"), 2) << "nothing was done";
  request.headers["If-Match"] = std::string(row.at("etag").as_string());
  for (int i = 0; i < 2; ++i) {
    const auto removed = co_await client->send(request, milliseconds{20'000});
    EXPECT_EQ(removed->status, 200) << "also when it is repeated";
    EXPECT_EQ(removed->headers.at("ETag"), row.at("etag").as_string());
  }
  EXPECT_EQ(networks(), "192.0.2.1/32 ");
}
TEST_F(FirewallTest, a_rule_is_removed_only_if_it_is_the_one_that_if_match_names) {
  run(matches());
}

asio::awaitable<void> FirewallTest::starts() {
  co_await make({{"allowedIps", json::array{"10.0.0.0/8", "::ffff:192.0.2.1", "2001:db8::1"}}});
  EXPECT_EQ(networks(), "10.0.0.0/8 192.0.2.1/32 2001:db8::1/128 ");
  EXPECT_EQ((co_await get(path))->at("count"), 3);
  EXPECT_EQ(co_await actions(), "firewall_rule.create");
  const auto bad = co_await create("bad", {{"allowedIps", json::array{"1.1.1.1", "10.0.0.1/8"}}});
  EXPECT_EQ(code_of(bad), "invalid_request");
  EXPECT_EQ(bad.error().fields.at(0).pointer, "/allowedIps/1");
  EXPECT_EQ(node->claims, 1);
}
TEST_F(FirewallTest, a_database_is_made_with_its_first_rules_in_force) {
  run(starts());
}

asio::awaitable<void> FirewallTest::pages() {
  co_await make();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(co_await add(fmt::format("10.0.0.{}", i)));
  std::set<std::string> seen;
  http::Query query{{"limit", "2"}};
  for (int page = 0; page < 3; ++page) {
    const auto answer = co_await get(path, query);
    for (const auto& row : answer->at("data").as_array()) seen.insert(text(row, "ip_address"));
    const auto* meta = answer->as_object().if_contains("meta");
    EXPECT_EQ(meta == nullptr, page == 2);
    if (meta == nullptr) break;
    query = {{"limit", "2"}, {"cursor", text(*meta, "next_cursor")}};
  }
  EXPECT_EQ(seen.size(), 5U);
}
TEST_F(FirewallTest, rules_are_listed_page_by_page) {
  run(pages());
}

asio::awaitable<void> FirewallTest::denies() {
  co_await make();
  const BranchId branch = gate.routes.begin()->first;
  const Timestamp at = now();
  int reports = 0;
  const auto attempts = [&](std::string address, std::int64_t direct, std::int64_t pooled) {
    const Timestamp last = at + milliseconds{++reports};
    return std::vector<DeniedAttempt>{
        {branch, std::move(address), direct, pooled, at, last},
        {BranchId("11111111-1111-4111-8111-111111111111"), "9.9.9.9", 1, 1, at, at},
        {BranchId("nonsense"), "9.9.9.9", 1, 1, at, at}};
  };
  EXPECT_TRUE(co_await gate.report_denied(attempts("203.0.113.9", 2, 0)));
  EXPECT_TRUE(co_await gate.report_denied(attempts("203.0.113.9", 0, 3)));
  EXPECT_TRUE(co_await gate.report_denied(attempts("", 7, 0)));
  co_await net::sleep_for(milliseconds{50});
  const auto list = co_await get(path + "/denied");
  EXPECT_EQ(code_of(list), "ok");
  EXPECT_EQ(list->at("count"), 2) << "what belongs to no branch is passed over";
  const json::value& newest = list->at("data").at(0);
  EXPECT_TRUE(newest.at("address").is_null());
  EXPECT_EQ(newest.at("count"), 7);
  const json::value& known = list->at("data").at(1);
  EXPECT_EQ(text(known, "address"), "203.0.113.9");
  EXPECT_EQ(text(known, "branch"), "main");
  EXPECT_EQ(text(known, "first_at"), to_rfc3339(at));
  EXPECT_EQ(known.at("count"), 5);
  EXPECT_EQ(known.at("direct_count"), 2);
  EXPECT_EQ(known.at("pooled_count"), 3);
  const auto first = co_await get(path + "/denied", {{"limit", "1"}});
  const auto next = co_await get(
      path + "/denied", {{"limit", "1"}, {"cursor", text(first->at("meta"), "next_cursor")}});
  EXPECT_EQ(next->at("data").at(0), known);
  EXPECT_EQ(code_of(co_await get(path + "/denied", {{"cursor", "x"}})), "invalid_request");

  EXPECT_EQ((co_await get("/api/databases/" + id + "/stats"))->at("data").at("denied_attempts"),
            12);
  const auto metrics = co_await client->send({.path = "/metrics"}, milliseconds{5'000});
  EXPECT_NE(metrics->body.find("howdah_firewall_denied_total 18\n"), std::string::npos)
      << metrics->body;
}
TEST_F(FirewallTest, refused_attempts_of_all_gates_are_added_up_by_address) {
  run(denies());
}

asio::awaitable<void> FirewallTest::floods() {
  co_await make();
  const DeniedAttempt one{gate.routes.begin()->first, "203.0.113.9", 1, 0, now(), now()};
  EXPECT_TRUE(co_await gate.report_denied(std::vector(kDeniedPerMessageMax, one)));
  EXPECT_TRUE(co_await gate.report_denied(std::vector(kDeniedPerMessageMax + 1, one)));
  co_await net::sleep_for(milliseconds{50});
  const auto health = co_await client->send({.path = "/health"}, milliseconds{5'000});
  EXPECT_EQ(parse_json(health->body)->at("checks").at("gates").at("count"), 0);
  const auto list = co_await get(path + "/denied");
  EXPECT_EQ(list->at("data").at(0).at("count"), kDeniedPerMessageMax);
}
TEST_F(FirewallTest, a_gate_that_reports_more_than_it_may_at_once_is_disconnected) {
  run(floods());
}

asio::awaitable<void> FirewallTest::prunes() {
  co_await make();
  const auto fill = fmt::format(
      "INSERT INTO howdah.denied_attempts (database_id, branch_id, address, direct_count, "
      "pooled_count, first_at, last_at) SELECT '{}', '{}', '10.0.0.' || i, 1, 0, now(), "
      "now() - interval '1 s' * i FROM generate_series(1, {}) i",
      id, gate.routes.begin()->first.str(), DeniedLog::kAddressesPerDatabaseMax + 5);
  EXPECT_TRUE(co_await sql(fill));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.denied_attempts SET last_at = now() - interval '31 d' "
                   "WHERE address = '10.0.0.1'"));
  // A service of its own would prune in a minute; the same statement now.
  pg::Pool pool(io.get_executor(), server().connect_options(std::string(Catalog::kDatabase)), 1);
  EXPECT_TRUE(
      co_await denied_store::prune(pool, {DeniedLog::kKeep, DeniedLog::kAddressesPerDatabaseMax}));
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.denied_attempts"), "1000");
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.denied_attempts WHERE address IN "
                         "('10.0.0.1', '10.0.0.1002', '10.0.0.1005')"),
            "0");
  pool.close();
}
TEST_F(FirewallTest, the_list_of_refused_addresses_is_bounded_by_age_and_number) {
  run(prunes());
}

asio::awaitable<void> FirewallTest::branches() {
  co_await make();
  // As if branches could be made already.
  EXPECT_TRUE(co_await sql(
      fmt::format("INSERT INTO howdah.branches (id, database_id, slug, status, instance_id) VALUES "
                  "('22222222-2222-4222-8222-222222222222', '{}', 'pr-1', 'active', 'i-branch')",
                  id)));
  const auto added = co_await add("10.0.0.0/8", {{"branch", "pr-1"}});
  EXPECT_EQ(code_of(added), "ok");
  EXPECT_EQ(text(added->at("data"), "branch"), "pr-1");
  const Route& branch = gate.routes.at(BranchId("22222222-2222-4222-8222-222222222222"));
  EXPECT_EQ(branch.rules.size(), 1U);
  for (const auto& [branch_id, served] : gate.routes) {
    EXPECT_EQ(served.default_closed, served.branch == "pr-1") << served.branch;
  }
  EXPECT_EQ(code_of(co_await add("10.0.0.0/8")), "ok") << "another rule: for every branch";
  EXPECT_EQ(branch.rules.size(), 2U);
}
TEST_F(FirewallTest, a_rule_of_one_branch_closes_only_that_branch) {
  run(branches());
}

}  // namespace
}  // namespace howdah::control
