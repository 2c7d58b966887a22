// SPDX-License-Identifier: Apache-2.0
// The firewall at work: before any password, on every port, in both address families; and what is
// told about those it refused.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "gate/fixture.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

Route route_with(std::vector<RouteRule> rules) {
  Route route = test_route();
  route.rules = std::move(rules);
  return route;
}

class FirewallPorts : public testing::Test {
 protected:
  FirewallPorts() { TestInstance::get().start(); }

  // The first thing the gate says to a start-up message, before any password.
  static TestClient::Reply first_word(TestClient& client, const std::string& user,
                                      const std::string& database = std::string(kDatabase)) {
    client.start_tls();
    client.send_startup(user, database);
    return client.read();
  }
  static bool has_ipv6() {
    const os::UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    return probe && ::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // All that was reported of one address.
  static DeniedAttempt reported(Harness& harness, const std::string& address) {
    return harness.on_loop([&] {
      DeniedAttempt sum;
      for (const auto& one : harness.control().denied) {
        if (one.address != address) continue;
        sum.branch_id = one.branch_id;
        sum.direct_count += one.direct_count;
        sum.pooled_count += one.pooled_count;
        sum.last_at = one.last_at;
      }
      return sum;
    });
  }
};

TEST_F(FirewallPorts, an_address_without_a_rule_is_refused_before_it_is_asked_for_a_password) {
  Harness harness({.routes = {route_with({{"198.51.100.0/24", {}}})}});
  for (const std::uint16_t port : {harness.port(), harness.pooled_port()}) {
    TestClient client(port);
    const auto reply = first_word(client, std::string(kUser));
    ASSERT_EQ(reply.type, 'E');
    EXPECT_EQ(reply.error().sqlstate, "28000");
    EXPECT_NE(reply.error().message.find("127.0.0.1"), std::string::npos);
  }
}

TEST_F(FirewallPorts, a_branch_that_is_not_there_opens_no_way_around_the_rules) {
  Harness harness({.routes = {route_with({{"198.51.100.0/24", {}}})}});
  TestClient client(harness.port());
  const auto reply = first_word(client, std::string(kUser) + ".nowhere");
  ASSERT_EQ(reply.type, 'E') << "no prompt with the role's salt";
  EXPECT_EQ(reply.error().sqlstate, info_of(ErrorCode::address_not_allowed).sqlstate);
}

TEST_F(FirewallPorts, a_closed_default_admits_nobody_until_there_is_a_rule) {
  Route route = test_route();
  route.default_closed = true;
  Harness harness({.routes = {route}});
  TestClient refused(harness.port());
  EXPECT_EQ(refused.connect().error().sqlstate, "28000");
  route.rules = {{"127.0.0.1", {}}};
  harness.publish({route});
  TestClient admitted(harness.port());
  EXPECT_EQ(admitted.connect().type, 'Z');
}

TEST_F(FirewallPorts, refused_attempts_are_reported_by_address_and_port_with_their_times) {
  Harness harness({.routes = {route_with({{"198.51.100.0/24", {}}})}});
  const Timestamp before = now();
  for (int i = 0; i < 3; ++i) {
    TestClient client(harness.port());
    EXPECT_EQ(client.connect().error().sqlstate, "28000");
  }
  TestClient pooled(harness.pooled_port());
  EXPECT_EQ(pooled.connect().error().sqlstate, "28000");
  EXPECT_TRUE(harness.eventually([&] { return !harness.control().denied.empty(); }));
  std::this_thread::sleep_for(1500ms);
  const DeniedAttempt told = reported(harness, "127.0.0.1");
  EXPECT_EQ(told.branch_id, BranchId("branch-a"));
  EXPECT_EQ(told.direct_count, 3);
  EXPECT_EQ(told.pooled_count, 1);
  EXPECT_GE(told.last_at, before);
  EXPECT_LE(told.last_at, now());
  // Each is told once.
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(reported(harness, "127.0.0.1").direct_count, 3);
}

TEST_F(FirewallPorts, an_ipv6_client_is_judged_by_ipv6_rules) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  Harness harness({.config = {.listen_addresses = {"::1"}}, .routes = {route_with({{"::2", {}}})}});
  const auto loopback = asio::ip::address_v6::loopback();
  TestClient refused(harness.port(), loopback);
  EXPECT_EQ(refused.connect().error().sqlstate, "28000");
  EXPECT_TRUE(harness.eventually([&] {
    const auto& denied = harness.control().denied;
    return !denied.empty() && denied.front().address == "::1";
  }));
  harness.publish({route_with({{"::/64", {}}})});
  TestClient admitted(harness.port(), loopback);
  EXPECT_EQ(admitted.connect().type, 'Z');
  harness.publish({route_with({{"0.0.0.0/0", {}}})});
  EXPECT_EQ(admitted.read().error().sqlstate, "57P01") << "every IPv4 address is not it";
}

TEST_F(FirewallPorts, an_ipv4_client_of_a_dual_stack_port_is_judged_by_ipv4_rules) {
  if (!has_ipv6()) GTEST_SKIP() << "this machine has no IPv6 loopback";
  Harness harness(
      {.config = {.listen_addresses = {"::"}}, .routes = {route_with({{"127.0.0.1", {}}})}});
  TestClient admitted(harness.port());
  EXPECT_EQ(admitted.connect().type, 'Z');
  harness.publish({route_with({{"::/0", {}}})});
  EXPECT_EQ(admitted.read().error().sqlstate, "57P01");
}

}  // namespace
}  // namespace howdah::gate
