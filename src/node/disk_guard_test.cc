// SPDX-License-Identifier: Apache-2.0
#include "node/disk_guard.h"

#include <gtest/gtest.h>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;

TEST(DiskThresholds, of_a_volume_of_its_own_follow_its_size) {
  const DiskThresholds large = disk_thresholds(200_GiB, true);
  EXPECT_EQ(large.refuse, 30_GiB);
  EXPECT_EQ(large.suspend, 6_GiB);
  EXPECT_EQ(large.ballast, 1_GiB);
  const DiskThresholds small = disk_thresholds(700_MiB, true);
  EXPECT_EQ(small.refuse, 105_MiB);
  EXPECT_EQ(small.suspend, 700_MiB / 12) << "3 % would be full within one look";
  EXPECT_EQ(small.ballast, 64_MiB);
  EXPECT_EQ(disk_thresholds(256_MiB, true).ballast, 25_MiB) << "never more than a tenth";
}

TEST(DiskThresholds, on_a_disk_that_serves_others_have_a_limit) {
  const DiskThresholds shared = disk_thresholds(10'000_GiB, false);
  EXPECT_EQ(shared.refuse, 4_GiB);
  EXPECT_EQ(shared.suspend, 1_GiB);
}

TEST(DiskThresholds, each_is_more_than_the_one_after_it) {
  for (const ByteCount size : {256_MiB, 700_MiB, 2_GiB, 64_GiB, 200_GiB, 20'000_GiB}) {
    for (const bool alone : {true, false}) {
      const DiskThresholds found = disk_thresholds(size, alone);
      EXPECT_GT(found.refuse, found.resume) << size;
      EXPECT_GT(found.resume, found.suspend) << size;
      EXPECT_GT(found.suspend, 0U) << size;
      EXPECT_LT(found.ballast + found.refuse, size / 2) << size;
    }
  }
}

TEST(DiskState, changes_at_each_bound) {
  const DiskThresholds bounds{100, 60, 40, 30};
  EXPECT_EQ(disk_state(100, bounds), DiskState::ok);
  EXPECT_EQ(disk_state(99, bounds), DiskState::low);
  EXPECT_EQ(disk_state(40, bounds), DiskState::low);
  EXPECT_EQ(disk_state(39, bounds), DiskState::full);
}

TEST(Ballast, goes_in_two_halves_and_comes_back_only_when_there_is_room_for_it) {
  const DiskThresholds bounds{100, 60, 40, 30};
  EXPECT_EQ(ballast_target(30, 40, bounds), 30U);
  EXPECT_EQ(ballast_target(30, 39, bounds), 15U);
  EXPECT_EQ(ballast_target(15, 39, bounds), 15U);
  EXPECT_EQ(ballast_target(15, 19, bounds), 0U);
  EXPECT_EQ(ballast_target(0, 89, bounds), 0U) << "what was given back is not room";
  EXPECT_EQ(ballast_target(0, 90, bounds), 30U);
  EXPECT_EQ(ballast_target(15, 74, bounds), 15U);
  EXPECT_EQ(ballast_target(15, 75, bounds), 30U);
}

TEST(Ballast, that_was_given_back_lets_nobody_go_on) {
  const DiskThresholds bounds{100, 60, 40, 30};
  EXPECT_FALSE(may_resume(0, 89, bounds));
  EXPECT_TRUE(may_resume(0, 90, bounds));
  EXPECT_FALSE(may_resume(30, 59, bounds));
  EXPECT_TRUE(may_resume(30, 60, bounds));
}

TEST(DiskGuard, the_less_is_left_the_sooner_it_looks) {
  const DiskThresholds bounds{4_GiB, 2_GiB, 1_GiB, 64_MiB};
  EXPECT_EQ(disk_look_after(100_GiB, bounds), 1s);
  EXPECT_EQ(disk_look_after(1_GiB + 256_MiB, bounds), 500ms);
  EXPECT_EQ(disk_look_after(1_GiB + 1, bounds), 20ms);
  EXPECT_EQ(disk_look_after(0, bounds), 20ms);
}

TEST(Growth, is_what_was_added_since_some_seconds_ago) {
  InstanceUnit::Storage storage;
  EXPECT_EQ(storage.growth(), 0U);
  storage.note_size(100);
  EXPECT_EQ(storage.growth(), 0U) << "what it had already is no growth";
  storage.note_size(150);
  storage.note_size(170);
  EXPECT_EQ(storage.growth(), 70U);
  storage.note_size(90);
  EXPECT_EQ(storage.growth(), 0U);
  storage.note_size(120);
  storage.forget_growth();
  EXPECT_EQ(storage.growth(), 0U);
  storage.note_size(125);
  EXPECT_EQ(storage.growth(), 5U);
}

}  // namespace
}  // namespace howdah::node
