// SPDX-License-Identifier: Apache-2.0
#include "gate/firewall.h"

#include <gtest/gtest.h>

namespace howdah::gate {
namespace {

const Timestamp kNow{std::chrono::milliseconds{1'767'000'000'000}};
const std::chrono::seconds kSecond{1};

bool admits(const std::vector<std::string>& networks, const char* client) {
  std::vector<RouteRule> rules;
  for (const auto& network : networks) rules.push_back({network, {}});
  return Firewall(rules, false).admits(ip::make_address(client), kNow);
}

TEST(Firewall, without_a_rule_everybody_is_admitted) {
  EXPECT_TRUE(admits({}, "203.0.113.9"));
  EXPECT_TRUE(admits({}, "2001:db8::1"));
}

TEST(Firewall, a_closed_default_without_a_rule_admits_nobody) {
  EXPECT_FALSE(Firewall({}, true).admits(ip::make_address("127.0.0.1"), kNow));
}

TEST(Firewall, the_first_rule_closes_all_other_addresses) {
  EXPECT_TRUE(admits({"203.0.113.9"}, "203.0.113.9"));
  EXPECT_FALSE(admits({"203.0.113.9"}, "203.0.113.8"));
  EXPECT_FALSE(admits({"203.0.113.9"}, "2001:db8::1"));
}

TEST(Firewall, a_network_ends_exactly_at_its_prefix) {
  EXPECT_TRUE(admits({"10.1.2.0/23"}, "10.1.3.255"));
  EXPECT_FALSE(admits({"10.1.2.0/23"}, "10.1.4.0"));
  EXPECT_FALSE(admits({"10.1.2.0/23"}, "10.1.1.255"));
  EXPECT_TRUE(admits({"2001:db8:8000::/33"}, "2001:db8:ffff::1"));
  EXPECT_FALSE(admits({"2001:db8:8000::/33"}, "2001:db8:7fff::1"));
}

TEST(Firewall, host_bits_in_a_rule_do_not_narrow_it) {
  EXPECT_TRUE(admits({"10.1.2.77/24"}, "10.1.2.1"));
}

TEST(Firewall, every_ipv4_address_is_not_every_ipv6_address) {
  EXPECT_TRUE(admits({"0.0.0.0/0"}, "198.51.100.1"));
  EXPECT_FALSE(admits({"0.0.0.0/0"}, "2001:db8::1"));
  EXPECT_FALSE(admits({"::/0"}, "198.51.100.1"));
  EXPECT_TRUE(admits({"::/0"}, "2001:db8::1"));
}

TEST(Firewall, an_ipv4_client_on_an_ipv6_socket_is_judged_by_its_ipv4_address) {
  EXPECT_TRUE(admits({"203.0.113.0/24"}, "::ffff:203.0.113.9"));
  EXPECT_FALSE(admits({"::/0"}, "::ffff:203.0.113.9"));
  EXPECT_TRUE(admits({"::ffff:203.0.113.0/120"}, "203.0.113.9"));
}

TEST(Firewall, a_rule_that_cannot_be_read_admits_nobody) {
  for (const char* network : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "ten",
                              "2001:db8::/129", "fe80::1%1/64", "/0"}) {
    EXPECT_FALSE(admits({network}, "10.0.0.1")) << network;
    EXPECT_FALSE(admits({network}, "fe80::1")) << network;
  }
}

TEST(Firewall, an_expired_rule_admits_nobody_and_keeps_the_others_out) {
  const Firewall firewall({{"10.0.0.1", kNow}}, false);
  EXPECT_TRUE(firewall.admits(ip::make_address("10.0.0.1"), kNow - kSecond));
  EXPECT_FALSE(firewall.admits(ip::make_address("10.0.0.1"), kNow));
  EXPECT_FALSE(firewall.admits(ip::make_address("10.0.0.2"), kNow));
}

TEST(Firewall, the_next_expiry_is_the_earliest_one_to_come) {
  const Firewall firewall({{"10.0.0.1", kNow - kSecond},
                           {"10.0.0.2", kNow + kSecond},
                           {"10.0.0.3", kNow + 2 * kSecond}},
                          false);
  EXPECT_EQ(firewall.next_expiry(kNow), kNow + kSecond);
  EXPECT_EQ(firewall.next_expiry(kNow + 2 * kSecond), std::nullopt);
}

TEST(Firewall, a_second_rule_prolongs_an_expired_one_of_the_same_address) {
  const Firewall firewall({{"10.0.0.1", kNow}, {"10.0.0.0/24", kNow + kSecond}}, false);
  EXPECT_TRUE(firewall.admits(ip::make_address("10.0.0.1"), kNow));
  EXPECT_FALSE(firewall.admits(ip::make_address("10.0.0.1"), kNow + kSecond));
}

TEST(Firewall, a_client_is_named_as_a_rule_would_name_it) {
  EXPECT_EQ(rule_text(ip::make_address("::ffff:203.0.113.9")), "203.0.113.9");
  EXPECT_EQ(rule_text(ip::make_address("203.0.113.9")), "203.0.113.9");
  EXPECT_EQ(rule_text(ip::make_address("fe80::1%1")), "fe80::1");
}

}  // namespace
}  // namespace howdah::gate
