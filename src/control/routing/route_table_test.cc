// SPDX-License-Identifier: Apache-2.0
#include "control/routing/route_table.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

Route route(const std::string& id, std::int64_t max_connections = 20) {
  Route made;
  made.branch_id = BranchId(id);
  made.slug = "k3v9x2ab";
  made.max_connections = max_connections;
  return made;
}

TEST(RouteTable, only_what_changed_is_told_and_the_version_grows_by_one) {
  RouteTable table(RouteTable::first_version(7));
  const auto first = table.apply({BranchId("a"), BranchId("b")}, {route("a"), route("b")});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->version, RouteTable::first_version(7) + 1);
  EXPECT_EQ(first->upserted.size(), 2U);
  EXPECT_FALSE(table.apply({BranchId("a")}, {route("a")})) << "the same again is no change";
  const auto second = table.apply({BranchId("a"), BranchId("b")}, {route("a", 30), route("b")});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->version, first->version + 1);
  ASSERT_EQ(second->upserted.size(), 1U);
  EXPECT_EQ(second->upserted[0].max_connections, 30);
}

TEST(RouteTable, a_branch_that_was_asked_for_and_has_no_route_loses_it) {
  RouteTable table(0);
  (void)table.apply({}, {route("a"), route("b")});
  const auto update = table.apply({BranchId("a"), BranchId("never")}, {});
  ASSERT_TRUE(update);
  EXPECT_EQ(update->removed, std::vector<BranchId>{BranchId("a")});
  EXPECT_EQ(table.find(BranchId("a")), nullptr);
  EXPECT_NE(table.find(BranchId("b")), nullptr);
}

TEST(RouteTable, a_full_comparison_finds_additions_changes_and_losses) {
  RouteTable table(0);
  (void)table.apply({}, {route("a"), route("b"), route("c")});
  const auto update = table.replace_all({route("b"), route("c", 9), route("d")});
  ASSERT_TRUE(update);
  EXPECT_EQ(update->upserted.size(), 2U);
  EXPECT_EQ(update->removed, std::vector<BranchId>{BranchId("a")});
  EXPECT_FALSE(table.replace_all({route("b"), route("c", 9), route("d")}));
}

TEST(RouteTable, a_snapshot_has_every_route_and_the_present_version) {
  RouteTable table(0);
  (void)table.apply({}, {route("a"), route("b")});
  const RouteUpdate snapshot = table.snapshot();
  EXPECT_TRUE(snapshot.snapshot);
  EXPECT_EQ(snapshot.version, table.version());
  EXPECT_EQ(snapshot.upserted.size(), 2U);
}

TEST(RouteTable, an_epoch_starts_above_everything_of_the_one_before) {
  RouteTable table(RouteTable::first_version(1));
  for (int i = 0; i < 1000; ++i) (void)table.apply({}, {route("a", i + 1)});
  EXPECT_LT(table.version(), RouteTable::first_version(2));
}

}  // namespace
}  // namespace howdah::control
