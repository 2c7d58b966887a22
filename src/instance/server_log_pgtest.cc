// SPDX-License-Identifier: Apache-2.0
#include "instance/server_log.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

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
  EXPECT_EQ(read_log(log_, {})->text, "123456789x");
}

TEST_F(ServerLogTest, positions_stay_valid_when_the_log_is_shortened) {
  append("aaaa\nbbbb\n");
  LogPiece piece = read_log(log_, {}).value();
  EXPECT_EQ(piece.text, "aaaa\nbbbb\n");
  EXPECT_EQ(piece.last, 10U);
  ASSERT_TRUE(limit_log(log_, 5));
  append("cccc\n");
  piece = read_log(log_, {.from = 5}).value();
  EXPECT_EQ(piece.text, "bbbb\ncccc\n");
  EXPECT_EQ(piece.first, 5U);
  EXPECT_EQ(piece.last, 15U);
  append("dddd\n");
  ASSERT_TRUE(limit_log(log_, 5));
  piece = read_log(log_, {.from = 5}).value();  // gone: the nearest that is kept
  EXPECT_EQ(piece.begin, 15U);
  EXPECT_EQ(piece.text, "dddd\n");
  EXPECT_EQ(piece.last, 20U);
}

TEST_F(ServerLogTest, a_piece_has_at_most_the_size_that_was_asked_for) {
  append("0123456789");
  EXPECT_EQ(read_log(log_, {.from = 2, .size_max = 3})->text, "234");
  EXPECT_EQ(read_log(log_, {.before = 5, .size_max = 3})->text, "234");
  EXPECT_EQ(read_log(log_, {.size_max = 3})->text, "789");
  const LogPiece beyond = read_log(log_, {.from = 1'000}).value();
  EXPECT_EQ(beyond.text, "");
  EXPECT_EQ(beyond.begin, 10U);
}

TEST_F(ServerLogTest, a_gigabyte_in_one_line_leaves_the_bound_and_the_lines_after_it) {
  {
    std::ofstream file(log_);
    file.seekp(1'000'000'000);
    file << "end of it\n";
  }
  ASSERT_TRUE(limit_log(log_));
  append("next\n");
  const LogPiece piece = read_log(log_, {}).value();
  EXPECT_LE(piece.last - piece.first, kLogSizeMax + 100);
  EXPECT_EQ(piece.last, 1'000'000'015U);
  EXPECT_TRUE(piece.text.ends_with("end of it\nnext\n"));
  EXPECT_LE(std::filesystem::file_size(log_.string() + ".1"), kLogSizeMax + 100);
}

TEST_F(ServerLogTest, a_link_or_a_pipe_in_the_place_of_the_log_leads_nowhere) {
  std::ofstream(folder_ / "secret") << "secret\n";
  for (const char* name : {"postgres.log", "postgres.log.1"}) {
    std::filesystem::create_symlink(folder_ / "secret", folder_ / name);
    const auto read = read_log(log_, {});
    EXPECT_FALSE(read) << name;
    EXPECT_EQ(last_log_lines(log_), "");
    std::filesystem::remove(folder_ / name);
    ASSERT_EQ(::mkfifo((folder_ / name).c_str(), 0600), 0);
    EXPECT_FALSE(read_log(log_, {})) << name;  // and it does not wait
    std::filesystem::remove(folder_ / name);
  }
  append(std::string(20, 'x'));
  std::filesystem::create_symlink(folder_ / "secret", log_.string() + ".1");
  EXPECT_FALSE(limit_log(log_, 10));
  EXPECT_EQ(*os::read_file(folder_ / "secret"), "secret\n");
}

TEST_F(ServerLogTest, passwords_are_not_among_the_last_lines) {
  append("STATEMENT:  ALTER ROLE x PASSWORD 'hunter2'\n");
  EXPECT_EQ(last_log_lines(log_), "STATEMENT:  ALTER ROLE x PASSWORD ***");
}

}  // namespace
}  // namespace howdah::instance
