// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/rule.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

const Timestamp kNow = parse_rfc3339("2026-11-20T12:00:00Z").value();

Result<NewFirewallRule> read(std::string_view text) {
  return read_new_firewall_rule(parse_json(text).value(), kNow);
}

std::string faults(std::string_view text) {
  const auto result = read(text);
  if (result) return "none";
  std::string all;
  for (const FieldError& field : result.error().fields) all += field.pointer + " ";
  return all;
}

TEST(FirewallRule, an_address_keeps_the_form_it_was_given_in) {
  for (const auto& [given, shown, network] :
       {std::tuple("203.0.113.7", "203.0.113.7", "203.0.113.7/32"),
        std::tuple("203.0.113.7/32", "203.0.113.7/32", "203.0.113.7/32"),
        std::tuple("10.0.0.0/8", "10.0.0.0/8", "10.0.0.0/8"),
        std::tuple("2001:DB8:0:0::1", "2001:db8::1", "2001:db8::1/128"),
        std::tuple("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.7/32"),
        std::tuple("::ffff:10.0.0.0/104", "10.0.0.0/8", "10.0.0.0/8")}) {
    const auto parsed = parse_allowed_address(given);
    ASSERT_TRUE(parsed) << given;
    EXPECT_EQ(parsed->ip_address, shown);
    EXPECT_EQ(parsed->network, network);
  }
}

TEST(FirewallRule, bits_behind_the_prefix_are_refused_with_the_network_that_was_meant) {
  const auto parsed = parse_allowed_address("10.1.2.77/24");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().find("10.1.2.0/24"), std::string::npos) << parsed.error();
  EXPECT_NE(parsed.error().find("10.1.2.77 "), std::string::npos) << parsed.error();
}

TEST(FirewallRule, every_field_is_read) {
  const auto rule = read(
      R"({"ip_address":"10.0.0.0/8","description":"Büro","expires_at":"2026-11-20T12:00:01Z",
          "branch":"pr-42"})");
  ASSERT_TRUE(rule) << rule.error().to_log();
  EXPECT_EQ(rule->description, "Büro");
  EXPECT_EQ(rule->expires_at, kNow + std::chrono::seconds{1});
  EXPECT_EQ(rule->branch, "pr-42");
  EXPECT_EQ(read(R"({"ipAddress":"::1"})")->description, "");
}

TEST(FirewallRule, each_wrong_field_is_named) {
  EXPECT_EQ(faults("{}"), "/ipAddress ");
  EXPECT_EQ(faults(R"({"ipAddress":"","branch":"A","color":1})"), "/ipAddress /branch /color ");
  for (const char* address : {"\"ten\"", "\"10.0.0.1/33\"", "\"10.0.0.1/8\"", "5", "[]", "null",
                              "\"10.0.0.1\\u0000\"", "\" 10.0.0.1\"", "\"fe80::1%eth0\""}) {
    EXPECT_EQ(faults("{\"ipAddress\":" + std::string(address) + "}"), "/ipAddress ") << address;
  }
  const std::string start = R"({"ipAddress":"10.0.0.1",)";
  for (const char* time : {"\"2026-11-20T12:00:00Z\"", "\"tomorrow\"", "5", "\"\""}) {
    EXPECT_EQ(faults(start + "\"expiresAt\":" + time + "}"), "/expiresAt ") << time;
  }
  EXPECT_EQ(faults(start + "\"description\":\"" + std::string(500, 'x') + "\"}"), "none");
  EXPECT_EQ(faults(start + "\"description\":\"" + std::string(501, 'x') + "\"}"), "/description ");
  EXPECT_EQ(faults(start + R"("description":"a\nb"})"), "/description ");
}

}  // namespace
}  // namespace howdah::control
