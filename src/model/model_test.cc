// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "model/names.h"
#include "model/route.h"

namespace howdah {
namespace {

Route example() {
  Route route;
  route.branch_id = BranchId("b1");
  route.database_id = DatabaseId("d1");
  route.instance_id = InstanceId("i-abc");
  route.slug = "k3v9x2ab";
  route.state = RouteState::sealed;
  route.sealed_reason = "restore";
  route.logical_databases = {"tenant_k3v9x2ab"};
  route.roles = {{"user_k3v9x2ab", {{"SCRAM-SHA-256$x", std::nullopt}}}};
  route.rules = {{"10.0.0.0/8", parse_rfc3339("2026-01-02T03:04:05.678Z")}};
  route.max_connections = 7;
  return route;
}

TEST(Route, update_survives_the_round_trip) {
  RouteUpdate update{true, 42, {example()}, {BranchId("gone")}};
  const auto read = route_update_from_json(to_json(update));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), to_json(update));
  EXPECT_EQ(read->upserted.at(0).rules.at(0).expires_at, update.upserted[0].rules[0].expires_at);
}

TEST(Route, unknown_state_and_unknown_field_are_refused) {
  boost::json::value state = to_json(example());
  state.as_object()["state"] = "ajar";
  EXPECT_FALSE(route_from_json(state));
  boost::json::value field = to_json(example());
  field.as_object()["extra"] = 1;
  EXPECT_FALSE(route_from_json(field));
}

TEST(Route, a_rule_that_is_not_understood_is_refused_as_a_whole) {
  for (const char* rule :
       {"5", "[]", "{}", R"({"network":5})", R"({"network":""})", R"({"expires_at":null})",
        R"({"network":"10.0.0.1","expires_at":"soon"})", R"({"network":"10.0.0.1","expires_at":5})",
        R"({"network":"10.0.0.1","ports":"all"})",
        R"({"network":"10.0.0.1","expires_at":null,"ports":"all"})"}) {
    boost::json::value route = to_json(example());
    route.as_object()["rules"] = boost::json::array{boost::json::parse(rule)};
    EXPECT_FALSE(route_from_json(route)) << rule;
  }
}

TEST(GateMessage, hello_ack_use_and_denials_survive_the_round_trip) {
  GateMessage message;
  message.hello = GateHello{GateId("g1"), 9};
  message.ack = GateAck{10};
  message.use = {{BranchId("b1"), 3, Timestamp{}}};
  message.denied = {{BranchId("b1"), "203.0.113.9", 4, 5, Timestamp{}, Timestamp{}}};
  const auto read = gate_message_from_json(to_json(message));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(to_json(*read), to_json(message));
}

TEST(Names, branch_suffix_is_split_from_the_role) {
  EXPECT_EQ(split_role("user_k3v9x2ab.pr-42").branch, "pr-42");
  EXPECT_EQ(split_role("user_k3v9x2ab.pr-42").role, "user_k3v9x2ab");
  EXPECT_EQ(split_role("first.Last").role, "first.Last");
  EXPECT_EQ(split_role("a.b--c").role, "a.b--c");
}

TEST(Names, slugs_are_found_in_platform_names_only) {
  EXPECT_EQ(slug_of_logical_database("tenant_k3v9x2ab_shadow"), "k3v9x2ab");
  EXPECT_EQ(slug_of_logical_database("tenant_k3v9x2abc"), std::nullopt);
  EXPECT_EQ(slug_of_role("app_user_k3v9x2ab"), "k3v9x2ab");
  EXPECT_EQ(slug_of_role("_k3v9x2ab"), std::nullopt);
  EXPECT_EQ(slug_of_role("User_k3v9x2ab"), std::nullopt);
}

TEST(Names, host_names_carry_branch_and_slug) {
  const auto both = split_host("pr-42--k3v9x2ab.example.org");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->slug, "k3v9x2ab");
  EXPECT_EQ(both->branch, "pr-42");
  EXPECT_FALSE(split_host("www.example.org"));
  EXPECT_FALSE(split_host("--k3v9x2ab.example.org"));
}

TEST(Names, branch_slugs_have_no_double_dash_and_at_most_40_characters) {
  EXPECT_TRUE(is_branch_slug(std::string(40, 'a')));
  EXPECT_FALSE(is_branch_slug(std::string(41, 'a')));
  EXPECT_FALSE(is_branch_slug("a--b"));
  EXPECT_FALSE(is_branch_slug("-a"));
  EXPECT_FALSE(is_branch_slug("../x"));
}

TEST(Names, emails_are_plausible_or_refused) {
  EXPECT_TRUE(is_email("ada@example.org"));
  for (const char* text :
       {"", "ada", "ada@", "@example.org", "a b@example.org", "a@b", "a@b@c.d"}) {
    EXPECT_FALSE(is_email(text)) << text;
  }
}

}  // namespace
}  // namespace howdah
