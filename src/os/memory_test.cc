// SPDX-License-Identifier: Apache-2.0
#include "os/memory.h"

#include <gtest/gtest.h>

namespace howdah::os {
namespace {

TEST(MemoryLine, is_found_by_its_whole_name) {
  const char* text = "Pss_Anon:     5 kB\nPss:        6543 kB\nRss: 9 kB\n";
  EXPECT_EQ(parse_kb_line(text, "Pss"), 6543U * 1024);
  EXPECT_EQ(parse_kb_line(text, "Rss"), 9U * 1024);
  EXPECT_EQ(parse_kb_line(text, "Ps"), std::nullopt);
}

TEST(MemoryLine, the_last_line_needs_no_newline) {
  EXPECT_EQ(parse_kb_line("MemTotal: 1 kB", "MemTotal"), 1024U);
}

TEST(MemoryLine, malformed_values_are_none) {
  for (const char* text : {"", "Pss", "Pss:", "Pss: ", "Pss: kB", "Pss: 5", "Pss: 5 MB",
                           "Pss: -5 kB", "Pss: 99999999999999999999999 kB"}) {
    EXPECT_EQ(parse_kb_line(text, "Pss"), std::nullopt) << text;
  }
}

TEST(DaemonMemory, is_a_part_of_the_machine_and_neither_tiny_nor_huge) {
  EXPECT_EQ(daemon_memory_max(16_GiB, 4), 4_GiB);
  EXPECT_EQ(daemon_memory_max(1_GiB, 8), 512_MiB);
  EXPECT_EQ(daemon_memory_max(512_GiB, 4), 8_GiB);
}

}  // namespace
}  // namespace howdah::os
