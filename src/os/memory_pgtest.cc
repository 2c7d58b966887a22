// SPDX-License-Identifier: Apache-2.0
#include "os/memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace howdah::os {
namespace {

TEST(Memory, a_process_that_takes_more_is_seen_to) {
  const auto before = proportional_set_size(::getpid());
  ASSERT_TRUE(before) << before.error().to_log();
  std::vector<char> block(64_MiB);
  std::memset(block.data(), 7, block.size());
  const auto after = proportional_set_size(::getpid());
  ASSERT_TRUE(after);
  EXPECT_GE(*after, *before + 60_MiB);
  EXPECT_EQ(block.back(), 7);
}

TEST(Memory, a_process_that_is_none_is_not_found) {
  const auto size = proportional_set_size(4'194'304 + 1);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().code, ErrorCode::not_found);
}

TEST(Memory, the_machine_has_some) {
  const auto info = memory_info();
  ASSERT_TRUE(info) << info.error().to_log();
  EXPECT_GT(info->total_bytes, info->available_bytes);
  EXPECT_GT(info->available_bytes, 0U);
}

}  // namespace
}  // namespace howdah::os
