// SPDX-License-Identifier: Apache-2.0
#include "model/bucket_table.h"

#include <gtest/gtest.h>

#include <string>

namespace howdah {
namespace {

using namespace std::chrono_literals;
using Time = BucketTable::Time;

constexpr Time kBegin{};

TEST(BucketTable, gives_the_burst_at_once_and_then_the_rate) {
  BucketTable table({10, 3}, 64, 1);
  for (int i = 2; i >= 0; --i) {
    const auto taken = table.take("a", kBegin);
    EXPECT_TRUE(taken.allowed);
    EXPECT_EQ(taken.remaining, i);
  }
  const auto refused = table.take("a", kBegin);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.wait_ms, 100);
  EXPECT_FALSE(table.take("a", kBegin + 99ms).allowed);
  EXPECT_TRUE(table.take("a", kBegin + 101ms).allowed);
  EXPECT_FALSE(table.take("a", kBegin + 102ms).allowed);
}

TEST(BucketTable, never_holds_more_than_the_burst) {
  BucketTable table({10, 3}, 64, 1);
  (void)table.take("a", kBegin);
  EXPECT_EQ(table.take("a", kBegin + 1h).remaining, 2);
}

TEST(BucketTable, parties_do_not_touch_each_other) {
  BucketTable table({1, 1}, 64, 1);
  EXPECT_TRUE(table.take("a", kBegin).allowed);
  EXPECT_TRUE(table.take("b", kBegin).allowed);
  EXPECT_FALSE(table.take("a", kBegin).allowed);
}

TEST(BucketTable, looking_takes_nothing) {
  BucketTable table({1, 1}, 64, 1);
  EXPECT_TRUE(table.look("a", kBegin).allowed);
  EXPECT_TRUE(table.take("a", kBegin).allowed);
  EXPECT_FALSE(table.look("a", kBegin).allowed);
}

// A flood of new parties must not free the one that is held back.
TEST(BucketTable, whoever_has_used_most_is_remembered_longest) {
  BucketTable table({1, 100}, 8, 7);
  for (int i = 0; i < 100; ++i) (void)table.take("loud", kBegin);
  for (int i = 0; i < 10'000; ++i) (void)table.take("flood " + std::to_string(i), kBegin);
  EXPECT_FALSE(table.take("loud", kBegin).allowed);
}

TEST(BucketTable, a_clock_that_stands_still_or_goes_back_gives_nothing) {
  BucketTable table({10, 1}, 8, 7);
  EXPECT_TRUE(table.take("a", kBegin + 1s).allowed);
  EXPECT_FALSE(table.take("a", kBegin).allowed);
}

TEST(SeededHash, depends_on_every_byte_and_on_the_seed) {
  EXPECT_NE(seeded_hash("12345678a", 1), seeded_hash("12345678b", 1));
  EXPECT_NE(seeded_hash("a", 1), seeded_hash("a", 2));
  EXPECT_NE(seeded_hash("", 1), seeded_hash(std::string(1, '\0'), 1));
}

}  // namespace
}  // namespace howdah
