// SPDX-License-Identifier: Apache-2.0
#include "os/mount.h"

#include <gtest/gtest.h>

namespace howdah::os {
namespace {

TEST(Mountinfo, a_line_gives_point_type_and_source) {
  const auto entries = parse_mountinfo(
      "36 35 98:0 / /var/lib/howdah/volume rw,noatime shared:1 master:2 - btrfs /dev/loop3 rw\n");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].mount_point, "/var/lib/howdah/volume");
  EXPECT_EQ(entries[0].type, "btrfs");
  EXPECT_EQ(entries[0].source, "/dev/loop3");
  EXPECT_EQ(entries[0].root, "/");
  EXPECT_EQ(entries[0].options, "rw");
}

TEST(Mountinfo, a_line_without_optional_fields_is_read_too) {
  const auto entries = parse_mountinfo("36 35 98:0 / / rw - ext4 /dev/vda rw");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].type, "ext4");
}

TEST(Mountinfo, escaped_characters_come_back) {
  const auto entries =
      parse_mountinfo("36 35 98:0 / /a\\040b\\134c\\011d rw - tmpfs none\\040x rw\n");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].mount_point, "/a b\\c\td");
  EXPECT_EQ(entries[0].source, "none x");
}

TEST(Mountinfo, an_escape_that_is_cut_short_stays_as_it_is) {
  const auto entries = parse_mountinfo("36 35 98:0 / /a\\04 rw - tmpfs \\9 rw\n");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].mount_point, "/a\\04");
  EXPECT_EQ(entries[0].source, "\\9");
}

TEST(Mountinfo, lines_that_are_none_are_left_out) {
  EXPECT_TRUE(parse_mountinfo("").empty());
  EXPECT_TRUE(parse_mountinfo("\n\n36 35 98:0 / /x rw\n36 35 98:0 / /x rw - ext4\n").empty());
}

}  // namespace
}  // namespace howdah::os
