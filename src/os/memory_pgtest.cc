// SPDX-License-Identifier: Apache-2.0
#include "os/memory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>
#include <filesystem>

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

// A /proc and a /sys of the test's own.
class MemoryLimits : public testing::Test {
 protected:
  MemoryLimits() {
    std::string name = "/tmp/howdah-os-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    places_ = {folder_ / "meminfo", folder_ / "own", folder_ / "groups"};
    write("meminfo", "MemTotal: 8388608 kB\nMemAvailable: 6291456 kB\n");
  }
  ~MemoryLimits() override { std::filesystem::remove_all(folder_); }
  void write(const Path& file, std::string_view text) const {
    std::filesystem::create_directories((folder_ / file).parent_path());
    ASSERT_TRUE(write_file_atomic(folder_ / file, text));
  }
  void expect(ByteCount total, ByteCount available) const {
    const auto info = memory_info(places_);
    ASSERT_TRUE(info) << info.error().to_log();
    EXPECT_EQ(info->total_bytes, total);
    EXPECT_EQ(info->available_bytes, available);
  }
  Path folder_;
  MemoryPlaces places_;
};

TEST_F(MemoryLimits, without_control_groups_it_is_the_machines) {
  expect(8_GiB, 6_GiB);
}

TEST_F(MemoryLimits, a_container_has_what_its_group_allows_less_what_it_uses) {
  write("own", "0::/\n");
  write("groups/memory.max", "1073741824\n");
  write("groups/memory.current", "805306368\n");
  write("groups/memory.stat", "anon 1\ninactive_file 268435456\nactive_file 5\n");
  expect(1_GiB, 512_MiB);
}

TEST_F(MemoryLimits, a_group_further_up_limits_too) {
  write("own", "0::/a/b\n");
  write("groups/a/b/memory.max", "max\n");
  write("groups/a/b/memory.current", "5\n");
  write("groups/a/memory.max", "2147483648\n");
  write("groups/a/memory.current", "2147483648\n");
  expect(2_GiB, 0);
}

TEST_F(MemoryLimits, groups_of_version_1_count_as_well) {
  write("own", "12:cpu:/x\n4:memory:/box\n0::/\n");
  write("groups/memory/box/memory.limit_in_bytes", "1073741824\n");
  write("groups/memory/box/memory.usage_in_bytes", "536870912\n");
  write("groups/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("groups/memory/memory.usage_in_bytes", "1\n");
  expect(1_GiB, 512_MiB);
}

TEST_F(MemoryLimits, what_cannot_be_understood_limits_nothing) {
  write("own", "garbage\n0:\n::\n0::relative\n\n");
  write("groups/memory.max", "many\n");
  write("groups/memory.current", "5\n");
  expect(8_GiB, 6_GiB);
}

}  // namespace
}  // namespace howdah::os
