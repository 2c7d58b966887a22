// SPDX-License-Identifier: Apache-2.0
#include "cli/start/machine_check.h"

#include <gtest/gtest.h>

namespace howdah::cli {
namespace {

TEST(MachineCheck, a_machine_that_is_always_too_small_is_told_from_one_that_is_full_now) {
  EXPECT_TRUE(judge_memory({256_MiB, 128_MiB}));
  const auto small = judge_memory({256_MiB - 1, 200_MiB});
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, ErrorCode::unsupported);
  const auto full = judge_memory({8_GiB, 128_MiB - 1});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::memory_full);
  EXPECT_NE(full.error().hint, "");
}

}  // namespace
}  // namespace howdah::cli
