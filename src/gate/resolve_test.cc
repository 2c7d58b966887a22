// SPDX-License-Identifier: Apache-2.0
#include "gate/resolve.h"

#include <gtest/gtest.h>

#include "gate/route_test_data.h"

namespace howdah::gate {
namespace {

class Resolve : public testing::Test {
 protected:
  Resolve() {
    Route other = make_route("bbbbbbbb");
    other.roles.push_back({"app_user", {}});
    other.roles.push_back({"app.v2", {}});
    other.roles.push_back({"howdah_admin", {}});
    other.roles.push_back({"howdah_monitor", {}});
    EXPECT_TRUE(table_.apply(
        make_full(1, {make_route("aaaaaaaa"), make_route("aaaaaaaa", "pr-42"), other})));
  }

  Destination to(pgwire::ClientStartup startup, std::string_view server_name = {}) const {
    return resolve(table_, startup, server_name);
  }
  static std::string name(const Destination& to) {
    if (!to.route) return "nothing";
    return to.route->route.slug + "/" + to.route->route.branch;
  }

  RouteTable table_;
};

TEST_F(Resolve, the_logical_database_wins_over_the_user_and_the_host) {
  const auto found =
      to({.user = "user_aaaaaaaa", .database = "tenant_bbbbbbbb_shadow"}, "aaaaaaaa.example.org");
  EXPECT_EQ(name(found), "bbbbbbbb/main");
  EXPECT_EQ(found.database, "tenant_bbbbbbbb_shadow");
  EXPECT_EQ(found.role, nullptr) << "the role belongs to another database";
}

TEST_F(Resolve, the_user_wins_over_the_host_and_the_options) {
  const auto found =
      to({.user = "user_aaaaaaaa", .database = "shop", .option_database = "bbbbbbbb"},
         "bbbbbbbb.example.org");
  EXPECT_EQ(name(found), "aaaaaaaa/main");
  EXPECT_EQ(found.database, "shop");
  ASSERT_NE(found.role, nullptr);
}

TEST_F(Resolve, the_host_wins_over_the_options) {
  const auto found = to({.user = "app_user", .option_database = "aaaaaaaa"}, "bbbbbbbb.localhost");
  EXPECT_EQ(name(found), "bbbbbbbb/main");
  ASSERT_NE(found.role, nullptr);
}

TEST_F(Resolve, the_options_name_a_database_by_slug_or_by_its_logical_name) {
  EXPECT_EQ(name(to({.user = "app_user", .option_database = "bbbbbbbb"})), "bbbbbbbb/main");
  EXPECT_EQ(name(to({.user = "app_user", .option_database = "tenant_bbbbbbbb"})), "bbbbbbbb/main");
}

TEST_F(Resolve, a_platform_name_that_is_not_known_leaves_the_choice_to_the_next_rule) {
  const auto found = to({.user = "user_aaaaaaaa", .database = "tenant_zzzzzzzz"});
  EXPECT_EQ(name(found), "aaaaaaaa/main");
  EXPECT_EQ(found.database, "tenant_zzzzzzzz") << "the user may have made one of that name";
}

TEST_F(Resolve, a_branch_comes_from_the_user_suffix_which_is_stripped) {
  const auto found = to({.user = "user_aaaaaaaa.pr-42", .database = "tenant_aaaaaaaa"});
  EXPECT_EQ(name(found), "aaaaaaaa/pr-42");
  EXPECT_EQ(found.role_name, "user_aaaaaaaa");
  EXPECT_NE(found.role, nullptr);
}

TEST_F(Resolve, a_branch_comes_from_the_host) {
  EXPECT_EQ(name(to({.user = "user_aaaaaaaa"}, "pr-42--aaaaaaaa.example.org")), "aaaaaaaa/pr-42");
}

TEST_F(Resolve, the_branch_of_another_databases_host_is_not_used) {
  EXPECT_EQ(name(to({.user = "user_bbbbbbbb"}, "pr-42--aaaaaaaa.example.org")), "bbbbbbbb/main");
}

TEST_F(Resolve, a_branch_comes_from_the_options) {
  EXPECT_EQ(name(to({.user = "user_aaaaaaaa", .option_branch = "pr-42"})), "aaaaaaaa/pr-42");
}

TEST_F(Resolve, a_misspelt_branch_never_reaches_main_as_a_known_role) {
  const auto suffix = to({.user = "user_aaaaaaaa.pr-43"});
  EXPECT_EQ(suffix.role, nullptr);
  EXPECT_EQ(name(to({.user = "user_aaaaaaaa"}, "pr-43--aaaaaaaa.example.org")), "nothing");
  EXPECT_EQ(name(to({.user = "user_aaaaaaaa", .option_branch = "pr-43"})), "nothing");
}

TEST_F(Resolve, a_misspelt_branch_shows_the_salt_of_the_role_on_main) {
  const auto found = to({.user = "user_aaaaaaaa.pr-43"});
  ASSERT_NE(found.decoy, nullptr);
  EXPECT_EQ(found.decoy->name, "user_aaaaaaaa");
  EXPECT_EQ(to({.user = "user_zzzzzzzz.pr-43"}).decoy, nullptr);
  EXPECT_EQ(to({.user = "user_zzzzzzzz.pr-43"}).base_role, "user_zzzzzzzz");
}

TEST_F(Resolve, a_dot_may_belong_to_the_name_of_a_role) {
  const auto found = to({.user = "app.v2", .database = "tenant_bbbbbbbb"});
  EXPECT_EQ(name(found), "bbbbbbbb/main");
  ASSERT_NE(found.role, nullptr);
  EXPECT_EQ(found.role->name, "app.v2");
}

TEST_F(Resolve, a_database_named_like_the_user_or_none_is_the_tenants_own) {
  EXPECT_EQ(to({.user = "user_aaaaaaaa"}).database, "tenant_aaaaaaaa");
  EXPECT_EQ(to({.user = "user_aaaaaaaa", .database = "user_aaaaaaaa"}).database, "tenant_aaaaaaaa");
  EXPECT_EQ(to({.user = "user_aaaaaaaa.pr-42", .database = "user_aaaaaaaa.pr-42"}).database,
            "tenant_aaaaaaaa");
}

TEST_F(Resolve, nothing_to_route_by_leads_nowhere) {
  const auto found = to({.user = "postgres", .database = "postgres"}, "localhost");
  EXPECT_EQ(name(found), "nothing");
  EXPECT_EQ(found.role, nullptr);
  EXPECT_EQ(found.scope, "postgres");
}

TEST_F(Resolve, an_unknown_database_keeps_its_name_as_the_scope) {
  const auto found = to({.user = "user_zzzzzzzz"});
  EXPECT_EQ(name(found), "nothing");
  EXPECT_EQ(found.scope, "zzzzzzzz");
}

TEST_F(Resolve, the_platforms_own_roles_are_never_a_clients) {
  EXPECT_EQ(to({.user = "howdah_admin", .database = "tenant_bbbbbbbb"}).role, nullptr);
  EXPECT_EQ(to({.user = "howdah_monitor", .database = "tenant_bbbbbbbb"}).role, nullptr);
}

}  // namespace
}  // namespace howdah::gate
