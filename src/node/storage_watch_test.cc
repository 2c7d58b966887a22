// SPDX-License-Identifier: Apache-2.0
#include "node/storage_watch.h"

#include <gtest/gtest.h>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;

TEST(StorageWatch, it_is_full_at_the_limit_and_until_two_percent_are_free_again) {
  EXPECT_FALSE(storage_is_full(100_MiB - 1, 100_MiB, false));
  EXPECT_TRUE(storage_is_full(100_MiB, 100_MiB, false));
  EXPECT_TRUE(storage_is_full(98_MiB, 100_MiB, true));
  EXPECT_FALSE(storage_is_full(98_MiB - 1, 100_MiB, true));
}

TEST(StorageWatch, without_a_limit_nothing_is_full) {
  EXPECT_FALSE(storage_is_full(100_GiB, 0, false));
  EXPECT_FALSE(storage_is_full(100_GiB, 0, true));
}

TEST(StorageWatch, the_less_is_left_the_sooner_it_looks) {
  EXPECT_EQ(storage_look_after(std::nullopt), 30s);
  EXPECT_EQ(storage_look_after(100_GiB), 30s);
  EXPECT_EQ(storage_look_after(512_MiB), 1s);
  EXPECT_EQ(storage_look_after(1), 50ms);
  EXPECT_EQ(storage_look_after(0), 200ms);
}

TEST(StorageWatch, the_hard_limit_is_an_eighth_above_and_64_mib_at_least) {
  EXPECT_EQ(storage_hard_limit(100_MiB), 164_MiB);
  EXPECT_EQ(storage_hard_limit(8_GiB), 9_GiB);
}

}  // namespace
}  // namespace howdah::node
