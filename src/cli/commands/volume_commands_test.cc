// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/volume_commands.h"

#include <gtest/gtest.h>

namespace howdah::cli {
namespace {

TEST(VolumeSize, is_read_with_units_of_1024_and_may_be_added) {
  EXPECT_EQ(parse_volume_size("20G")->bytes, 20_GiB);
  EXPECT_EQ(parse_volume_size("20GB")->bytes, 20_GiB);
  EXPECT_EQ(parse_volume_size("20GiB")->bytes, 20_GiB);
  EXPECT_EQ(parse_volume_size("1073741824")->bytes, 1_GiB);
  EXPECT_FALSE(parse_volume_size("20G")->added);
  EXPECT_TRUE(parse_volume_size("+512M")->added);
  EXPECT_EQ(parse_volume_size("+512M")->bytes, 512_MiB);
}

TEST(VolumeSize, anything_else_is_refused_with_what_to_give) {
  for (const char* text : {"", "+", "0", "-5G", "5X", "5GG", "G", "5 G", "1e9", "99999999999T",
                           "18446744073709551616"}) {
    const auto size = parse_volume_size(text);
    ASSERT_FALSE(size) << text;
    EXPECT_NE(size.error().hint, "");
  }
}

TEST(VolumeBar, shows_what_is_free_up_to_each_bound) {
  EXPECT_EQ(volume_bar({100, 100, 0, 20, 10}, 10), "[........!X]");
  EXPECT_EQ(volume_bar({100, 50, 0, 20, 10}, 10), "[#####...!X]");
  EXPECT_EQ(volume_bar({100, 10, 0, 20, 10}, 10), "[#########X]");
  EXPECT_EQ(volume_bar({100, 0, 0, 20, 10}, 10), "[##########]");
  EXPECT_EQ(volume_bar({0, 0, 0, 0, 0}, 10), "[]");
}

}  // namespace
}  // namespace howdah::cli
