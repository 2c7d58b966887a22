// SPDX-License-Identifier: Apache-2.0
#include "instance/control_file.h"

#include <gtest/gtest.h>

#include <cstring>

namespace howdah::instance {
namespace {

void put(std::string& content, std::size_t offset, std::uint32_t value) {
  std::memcpy(content.data() + offset, &value, sizeof value);
}

// A pg_control as PostgreSQL 15 (crc_offset 292) or a later one writes it.
std::string make_control(std::size_t crc_offset, std::uint32_t format, std::uint32_t state) {
  std::string content(8192, '\0');
  for (std::size_t i = 0; i < crc_offset; ++i) content[i] = static_cast<char>(i * 7 + 3);
  const std::uint64_t identifier = 7301234567890123456;
  std::memcpy(content.data(), &identifier, sizeof identifier);
  put(content, 8, format);
  put(content, 16, state);
  put(content, crc_offset, crc32c(std::string_view(content).substr(0, crc_offset)));
  return content;
}

TEST(Crc32c, check_value_of_the_standard) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(ControlFile, is_read_wherever_a_major_keeps_the_checksum) {
  for (const std::size_t offset : {284U, 288U, 292U, 296U, 300U}) {
    const auto file = parse_control_file(make_control(offset, 1300, 1));
    ASSERT_TRUE(file) << offset;
    EXPECT_EQ(file->crc_offset, offset);
    EXPECT_EQ(file->system_identifier, 7301234567890123456U);
    EXPECT_EQ(file->format, 1300U);
    EXPECT_TRUE(file->shut_down);
  }
}

TEST(ControlFile, every_state_but_shut_down_needs_recovery) {
  for (const std::uint32_t state : {0U, 2U, 3U, 4U, 5U, 6U}) {
    EXPECT_FALSE(parse_control_file(make_control(292, 1800, state))->shut_down) << state;
  }
}

TEST(ControlFile, one_flipped_bit_is_refused) {
  const std::string good = make_control(292, 1300, 1);
  for (std::size_t offset = 0; offset < 296; ++offset) {
    std::string bad = good;
    bad[offset] = static_cast<char>(bad[offset] ^ 0x10);
    const auto file = parse_control_file(bad);
    ASSERT_FALSE(file) << offset;
    EXPECT_EQ(file.error().code, ErrorCode::io_error);
  }
}

TEST(ControlFile, bytes_behind_the_checksum_are_refused) {
  std::string bad = make_control(292, 1300, 1);
  bad[4000] = 1;
  EXPECT_FALSE(parse_control_file(bad));
}

TEST(ControlFile, truncated_and_unknown_files_are_refused) {
  const std::string good = make_control(292, 1300, 1);
  EXPECT_FALSE(parse_control_file(""));
  EXPECT_FALSE(parse_control_file(good.substr(0, 296)));
  EXPECT_FALSE(parse_control_file(make_control(292, 1299, 1)));
  EXPECT_FALSE(parse_control_file(make_control(292, 1900, 1)));
  EXPECT_FALSE(parse_control_file(std::string(8192, '\0')));
}

}  // namespace
}  // namespace howdah::instance
