// SPDX-License-Identifier: Apache-2.0
#include "os/control_groups.h"

#include <gtest/gtest.h>

namespace howdah::os {
namespace {

constexpr const char* kVersion1 =
    "31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /nowhere/unified rw - cgroup2 cgroup2 rw\n";

TEST(ControlGroups, a_tree_stands_below_the_callers_own_group_of_each_version_1_hierarchy) {
  const auto found = find_hierarchies(
      {kVersion1,
       "4:memory:/system.slice/howdah.service\n2:cpu,cpuacct:/\n1:name=systemd:/\n0::/\n"},
      "howdah-1");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].folder, "/sys/fs/cgroup/cpu,cpuacct/howdah-1");
  EXPECT_EQ(found[0].controllers, std::vector<std::string>{"cpu"});
  EXPECT_EQ(found[1].folder, "/sys/fs/cgroup/memory/system.slice/howdah.service/howdah-1");
  EXPECT_FALSE(found[1].version_2);
}

TEST(ControlGroups, a_container_sees_its_part_of_a_hierarchy_as_the_whole) {
  const std::string mounts =
      "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
  const auto same = find_hierarchies({mounts, "4:memory:/docker/abc\n"}, "h");
  ASSERT_EQ(same.size(), 1U);
  EXPECT_EQ(same[0].folder, "/sys/fs/cgroup/memory/h");
  const auto deeper = find_hierarchies({mounts, "4:memory:/docker/abc/x\n"}, "h");
  EXPECT_EQ(deeper.at(0).folder, "/sys/fs/cgroup/memory/x/h");
  const auto elsewhere = find_hierarchies({mounts, "4:memory:/other\n"}, "h");
  EXPECT_EQ(elsewhere.at(0).folder, "/sys/fs/cgroup/memory/h");
}

TEST(ControlGroups, a_hierarchy_that_is_mounted_twice_counts_once) {
  const std::string mounts =
      "35 31 0:32 / /a rw - cgroup cgroup rw,memory\n36 31 0:32 / /b rw - cgroup cgroup "
      "rw,memory\n";
  EXPECT_EQ(find_hierarchies({mounts, "4:memory:/\n"}, "h").size(), 1U);
}

TEST(ControlGroups, a_machine_without_any_has_no_hierarchy) {
  EXPECT_TRUE(find_hierarchies({"", ""}, "h").empty());
  EXPECT_TRUE(find_hierarchies({kVersion1, ""}, "h").empty());
}

}  // namespace
}  // namespace howdah::os
