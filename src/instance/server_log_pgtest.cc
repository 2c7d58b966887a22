// SPDX-License-Identifier: Apache-2.0
#include "instance/server_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace howdah::instance {
namespace {

class ServerLogTest : public ::testing::Test {
 protected:
  ServerLogTest() {
    std::string name = "/tmp/hl-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    log_ = folder_ / "postgres.log";
  }
  ~ServerLogTest() override { std::filesystem::remove_all(folder_); }
  void append(std::string_view text) { std::ofstream(log_, std::ios::app) << text; }

  os::Path folder_;
  os::Path log_;
};

TEST_F(ServerLogTest, a_missing_log_has_no_lines) {
  EXPECT_EQ(last_log_lines(log_), "");
  EXPECT_EQ(log_size(log_), 0U);
  EXPECT_TRUE(limit_log(log_));
}

TEST_F(ServerLogTest, only_lines_after_the_given_place_are_shown) {
  append("old\n");
  const ByteCount begin = log_size(log_);
  EXPECT_EQ(last_log_lines(log_, begin), "");
  append("new\nnewer\n");
  EXPECT_EQ(last_log_lines(log_, begin), "new\nnewer");
}

TEST_F(ServerLogTest, at_most_ten_whole_lines_are_shown) {
  for (int line = 1; line <= 30; ++line) append("line " + std::to_string(line) + "\n");
  EXPECT_EQ(last_log_lines(log_),
            "line 21\nline 22\nline 23\nline 24\nline 25\nline 26\nline 27\nline 28\nline 29\n"
            "line 30");
  append(std::string(3000, 'x') + "\nlast\n");
  EXPECT_EQ(last_log_lines(log_), "last");
}

TEST_F(ServerLogTest, control_characters_do_not_reach_a_terminal) {
  append("a\x1b[31mb\x7f\r\n");
  EXPECT_EQ(last_log_lines(log_), "a [31mb  ");
}

TEST_F(ServerLogTest, a_log_at_the_limit_stays_and_one_above_it_is_moved) {
  append("0123456789");
  EXPECT_TRUE(limit_log(log_, 10));
  EXPECT_EQ(log_size(log_), 10U);
  append("x");
  EXPECT_TRUE(limit_log(log_, 10));
  EXPECT_EQ(log_size(log_), 0U);
  EXPECT_EQ(*os::read_file(log_.string() + ".1"), "123456789x");
}

}  // namespace
}  // namespace howdah::instance
