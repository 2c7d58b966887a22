// SPDX-License-Identifier: Apache-2.0
#include "gate/route_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/route_test_data.h"

namespace howdah::gate {
namespace {

using testing::UnorderedElementsAre;

TEST(RouteTable, a_branch_is_found_by_slug_and_by_id) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(7, {make_route("aaaaaaaa"), make_route("aaaaaaaa", "pr-1")})));
  EXPECT_EQ(table.version(), 7u);
  ASSERT_TRUE(table.find("aaaaaaaa", "pr-1"));
  EXPECT_EQ(table.find("aaaaaaaa", "pr-1"), table.find(BranchId("branch-aaaaaaaa-pr-1")));
  EXPECT_FALSE(table.find("aaaaaaaa", "pr-2"));
  EXPECT_FALSE(table.find("bbbbbbbb", "main"));
}

TEST(RouteTable, a_change_names_the_branches_it_touched) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {make_route("aaaaaaaa"), make_route("bbbbbbbb")})));
  const auto touched =
      table.apply(make_change(2, {make_route("aaaaaaaa")}, {BranchId("branch-bbbbbbbb-main")}));
  ASSERT_TRUE(touched);
  EXPECT_THAT(*touched, UnorderedElementsAre(BranchId("branch-aaaaaaaa-main"),
                                             BranchId("branch-bbbbbbbb-main")));
  EXPECT_FALSE(table.knows("bbbbbbbb"));
}

TEST(RouteTable, a_change_that_leaves_a_gap_is_refused_and_changes_nothing) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(4, {make_route("aaaaaaaa")})));
  for (const std::uint64_t version : {3u, 4u, 6u}) {
    const auto result = table.apply(make_change(version, {make_route("bbbbbbbb")}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::conflict);
  }
  EXPECT_EQ(table.version(), 4u);
  EXPECT_FALSE(table.knows("bbbbbbbb"));
}

TEST(RouteTable, a_snapshot_replaces_everything_and_touches_what_is_gone) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(4, {make_route("aaaaaaaa")})));
  const auto touched = table.apply(make_full(9, {make_route("bbbbbbbb")}));
  ASSERT_TRUE(touched);
  EXPECT_THAT(*touched, testing::Contains(BranchId("branch-aaaaaaaa-main")));
  EXPECT_FALSE(table.knows("aaaaaaaa"));
  EXPECT_EQ(table.size(), 1u);
}

TEST(RouteTable, the_branch_that_serves_wins_over_its_deleted_namesake) {
  RouteTable table;
  Route deleted = make_route("aaaaaaaa", "pr-1");
  deleted.branch_id = BranchId("old");
  deleted.state = RouteState::deleted;
  ASSERT_TRUE(table.apply(make_full(1, {make_route("aaaaaaaa", "pr-1"), deleted})));
  EXPECT_EQ(table.find("aaaaaaaa", "pr-1")->route.branch_id, BranchId("branch-aaaaaaaa-pr-1"));
  ASSERT_TRUE(table.apply(make_change(2, {}, {BranchId("branch-aaaaaaaa-pr-1")})));
  EXPECT_EQ(table.find("aaaaaaaa", "pr-1")->route.branch_id, BranchId("old"));
}

TEST(RouteTable, a_branch_whose_slug_changes_is_no_longer_found_under_the_old_one) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {make_route("aaaaaaaa")})));
  Route moved = make_route("bbbbbbbb");
  moved.branch_id = BranchId("branch-aaaaaaaa-main");
  ASSERT_TRUE(table.apply(make_change(2, {moved})));
  EXPECT_FALSE(table.knows("aaaaaaaa"));
  EXPECT_TRUE(table.find("bbbbbbbb", "main"));
}

TEST(RouteTable, a_snapshot_holds_what_the_table_holds) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(5, {make_route("aaaaaaaa"), make_route("bbbbbbbb")})));
  RouteTable copy;
  ASSERT_TRUE(copy.apply(make_snapshot({table.all(), table.learned(), table.version()})));
  EXPECT_EQ(copy.version(), 5u);
  EXPECT_EQ(copy.size(), 2u);
}

constexpr Timestamp kNow{std::chrono::seconds{1'800'000'000}};

Route with_password(std::string verifier, Timestamp changed_at) {
  Route route = make_route("aaaaaaaa");
  route.roles = {{"user_aaaaaaaa", {{std::move(verifier), {}, 1}}}};
  route.roles[0].changed_at = changed_at;
  return route;
}

RoleChange make_change_by_sql(std::string verifier, Timestamp changed_at) {
  RoleChange change{BranchId("branch-aaaaaaaa-main"), InstanceId("i-aaaaaaaa"), "user_aaaaaaaa"};
  change.verifier = std::move(verifier);
  change.changed_at = changed_at;
  return change;
}

const RouteRole& role_of(const RouteTable& table) {
  return table.find("aaaaaaaa", "main")->route.roles.at(0);
}

TEST(RouteTable, a_password_that_was_learned_is_the_only_one_until_a_route_knows_it) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {with_password("old", kNow)})));
  ASSERT_TRUE(table.learn(make_change_by_sql("new", kNow + std::chrono::milliseconds{5})));
  ASSERT_EQ(role_of(table).verifiers.size(), 1u);
  EXPECT_EQ(role_of(table).verifiers[0].verifier, "new");
  EXPECT_EQ(role_of(table).verifiers[0].generation, 0);
  // howdahd came back and does not know it yet.
  ASSERT_TRUE(table.apply(make_full(9, {with_password("old", kNow)})));
  EXPECT_EQ(role_of(table).verifiers[0].verifier, "new");
  EXPECT_EQ(table.learned().size(), 1u);
  ASSERT_TRUE(
      table.apply(make_change(10, {with_password("new", kNow + std::chrono::milliseconds{5})})));
  EXPECT_EQ(role_of(table).verifiers[0].generation, 1);
  EXPECT_TRUE(table.learned().empty());
}

TEST(RouteTable, what_was_learned_late_or_elsewhere_does_not_count) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {with_password("rotated", kNow)})));
  EXPECT_FALSE(table.learn(make_change_by_sql("older", kNow - std::chrono::milliseconds{1})));
  EXPECT_FALSE(table.learn(make_change_by_sql("same time", kNow)));
  RoleChange elsewhere = make_change_by_sql("x", kNow + std::chrono::milliseconds{1});
  elsewhere.instance_id = InstanceId("i-before-the-restore");
  EXPECT_FALSE(table.learn(elsewhere));
  RoleChange unknown = make_change_by_sql("x", kNow + std::chrono::milliseconds{1});
  unknown.role = "postgres";
  EXPECT_FALSE(table.learn(unknown));
  EXPECT_EQ(role_of(table).verifiers[0].verifier, "rotated");
}

TEST(RouteTable, a_password_that_cannot_be_used_leaves_the_role_without_any) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {with_password("old", kNow)})));
  ASSERT_TRUE(table.learn(make_change_by_sql("", kNow + std::chrono::milliseconds{1})));
  EXPECT_TRUE(role_of(table).verifiers.empty());
}

TEST(RouteTable, a_change_of_rights_alone_leaves_the_passwords) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {with_password("old", kNow)})));
  RoleChange change = make_change_by_sql("old", kNow + std::chrono::milliseconds{1});
  change.can_login = false;
  ASSERT_TRUE(table.learn(change));
  EXPECT_FALSE(role_of(table).can_login);
  EXPECT_EQ(role_of(table).verifiers.at(0).generation, 1);
}

TEST(RouteTable, what_was_learned_is_in_the_snapshot_and_counts_when_it_is_read_again) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(5, {with_password("old", kNow)})));
  ASSERT_TRUE(table.learn(make_change_by_sql("new", kNow + std::chrono::milliseconds{1})));
  RouteTable copy;
  ASSERT_TRUE(copy.apply(make_snapshot({table.all(), table.learned(), table.version()})));
  EXPECT_EQ(role_of(copy).verifiers.at(0).verifier, "new");
  EXPECT_EQ(copy.learned().size(), 1u) << "howdahd is still to be told";
  // As a line of its own in the file.
  RouteTable lines;
  ASSERT_TRUE(lines.apply(make_full(5, {with_password("old", kNow)})));
  RouteUpdate line = make_change(5, {});
  line.learned = table.learned();
  ASSERT_TRUE(lines.apply(line));
  EXPECT_EQ(lines.version(), 5u);
  EXPECT_EQ(role_of(lines).verifiers.at(0).verifier, "new");
}

TEST(RouteTable, what_was_learned_goes_with_its_branch) {
  RouteTable table;
  ASSERT_TRUE(table.apply(make_full(1, {with_password("old", kNow)})));
  ASSERT_TRUE(table.learn(make_change_by_sql("new", kNow + std::chrono::milliseconds{1})));
  ASSERT_TRUE(table.apply(make_change(2, {}, {BranchId("branch-aaaaaaaa-main")})));
  EXPECT_TRUE(table.learned().empty());
}

}  // namespace
}  // namespace howdah::gate
