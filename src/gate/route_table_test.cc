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

}  // namespace
}  // namespace howdah::gate
