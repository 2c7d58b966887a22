// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "instance/detail/instance_lock.h"

namespace howdah::instance::detail {
namespace {

constexpr std::string_view kReady =
    "4711\n/volume/i/data\n1700000000\n5432\n/run/x\n\n  12345  678\nready   \n";

TEST(PidFile, a_ready_server_is_recognised) {
  const auto file = parse_pid_file(kReady);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 4711);
  EXPECT_TRUE(file->ready);
}

TEST(PidFile, other_states_are_not_ready) {
  for (const std::string_view state : {"starting", "stopping", "standby ", ""}) {
    std::string text(kReady.substr(0, kReady.find("ready")));
    text += state;
    const auto file = parse_pid_file(text);
    ASSERT_TRUE(file);
    EXPECT_FALSE(file->ready) << state;
  }
}

TEST(PidFile, every_truncation_is_read_without_being_ready) {
  for (std::size_t size = 5; size < kReady.size() - 5; ++size) {
    const auto file = parse_pid_file(kReady.substr(0, size));
    ASSERT_TRUE(file) << size;
    EXPECT_EQ(file->ready, size >= kReady.find("ready") + 5) << size;
  }
}

TEST(PidFile, hostile_pids_are_refused) {
  for (const std::string_view text :
       {"", "\n", "0\n", "-1\n", "1x\n", " 1\n", "99999999999999999999\n", "abc\n4711\n"}) {
    EXPECT_FALSE(parse_pid_file(text)) << text;
  }
}

}  // namespace
}  // namespace howdah::instance::detail
