// SPDX-License-Identifier: Apache-2.0
#include "control/logs/log_entry.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

const std::string kPrefix = "2026-01-02 03:04:05.678 UTC [4711] 42P01 client backend\tpsql\tu\td\t";

TEST(LogEntry, every_part_of_an_entry_is_read) {
  const std::string text = kPrefix + "ERROR:  relation \"x\"\n\tdoes not exist\n" + kPrefix +
                           "DETAIL:  why\n" + kPrefix + "HINT:  do this\n" + kPrefix +
                           "CONTEXT:  line 3\n" + kPrefix + "STATEMENT:  SELECT 1\n\tFROM x\n";
  ASSERT_EQ(log_entry_starts(text), std::vector<std::size_t>{0});
  const LogEntry entry = read_log_entry(text, 100);
  EXPECT_EQ(entry.begin, 100U);
  EXPECT_EQ(entry.end, 100U + text.size());
  EXPECT_EQ(to_rfc3339(*entry.at), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(entry.pid, 4711);
  EXPECT_EQ(entry.level, LogLevel::error);
  EXPECT_EQ(entry.sqlstate, "42P01");
  EXPECT_EQ(entry.backend_type, "client backend");
  EXPECT_EQ(entry.application_name, "psql");
  EXPECT_EQ(entry.user, "u");
  EXPECT_EQ(entry.database, "d");
  EXPECT_EQ(entry.message, "relation \"x\"\ndoes not exist");
  EXPECT_EQ(entry.detail, "why");
  EXPECT_EQ(entry.hint, "do this");
  EXPECT_EQ(entry.context, "line 3");
  EXPECT_EQ(entry.statement, "SELECT 1\nFROM x");
  EXPECT_FALSE(entry.truncated);
}

TEST(LogEntry, where_in_the_statement_an_error_is_does_not_stand_in_its_message) {
  const LogEntry entry =
      read_log_entry(kPrefix + "ERROR:  relation \"x\" does not exist at character 15\n", 0);
  EXPECT_EQ(entry.message, "relation \"x\" does not exist");
  EXPECT_EQ(to_json(entry).at("position"), 15);
  for (const std::string message :
       {"no at character ", "no at character 15x", "no at character 0", "no at character -1",
        "no at character 4294967296", "at character 15", "no at character 15 there"}) {
    const LogEntry other = read_log_entry(kPrefix + "ERROR:  " + message + "\n", 0);
    EXPECT_EQ(other.message, message);
    EXPECT_TRUE(to_json(other).at("position").is_null());
  }
}

TEST(LogEntry, a_process_without_a_session_has_no_names) {
  const LogEntry entry = read_log_entry(
      "2026-01-02 03:04:05.678 UTC [7] 00000 checkpointer\tLOG:  checkpoint complete\n", 0);
  EXPECT_EQ(entry.backend_type, "checkpointer");
  EXPECT_EQ(entry.user, "");
  EXPECT_EQ(entry.message, "checkpoint complete");
  EXPECT_TRUE(to_json(entry).at("sqlstate").is_null());
}

TEST(LogEntry, lines_of_an_older_prefix_and_of_others_are_shown) {
  const LogEntry old =
      read_log_entry("2026-01-02 03:04:05.678 UTC [7] user_x@tenant_x FATAL:  no\n", 0);
  EXPECT_EQ(old.level, LogLevel::fatal);
  EXPECT_EQ(old.message, "no");
  EXPECT_EQ(old.pid, 7);
  const LogEntry other = read_log_entry("Segmentation fault\n", 0);
  EXPECT_FALSE(other.at);
  EXPECT_EQ(other.message, "Segmentation fault");
}

TEST(LogEntry, entries_begin_where_a_severity_stands_and_nowhere_else) {
  const std::string first = kPrefix + "ERROR:  a\n\t2026-01-02 ERROR:  not me\n";
  const std::string second = kPrefix + "WARNING:  b\n";
  EXPECT_EQ(log_entry_starts(first + second + kPrefix + "DETAIL:  c\n"),
            (std::vector<std::size_t>{0, first.size()}));
  EXPECT_TRUE(log_entry_starts("").empty());
  EXPECT_TRUE(log_entry_starts("2026-01-02 03:04:05.678 UTC [1] nothing\n").empty());
}

TEST(LogEntry, names_that_look_like_severities_do_not_confuse) {
  const LogEntry entry = read_log_entry(
      "2026-01-02 03:04:05.678 UTC [7] 00000 client backend\tERROR: x\tu\td\tLOG:  text\n", 0);
  EXPECT_EQ(entry.message, "text");
  EXPECT_EQ(entry.level, LogLevel::log);
}

TEST(LogEntry, passwords_are_masked_in_every_part) {
  const std::string text = kPrefix + "ERROR:  syntax error at or near \"'hunter2'\"\n" + kPrefix +
                           "CONTEXT:  SQL statement \"ALTER ROLE x PASSWORD 'hunter2'\"\n" +
                           kPrefix + "STATEMENT:  SELECT f('hunter2'); -- password\n";
  EXPECT_EQ(json::serialize(to_json(read_log_entry(text, 0))).find("hunter2"), std::string::npos);
  const LogEntry statement =
      read_log_entry(kPrefix + "LOG:  statement: ALTER ROLE x PASSWORD 'hunter2'\n", 0);
  EXPECT_EQ(statement.message, "statement: ALTER ROLE x PASSWORD ***");
}

TEST(LogEntry, a_huge_line_is_cut_and_a_password_at_the_cut_stays_hidden) {
  std::string text = kPrefix + "ERROR:  " + std::string(kLogTextMax - 20, 'x') +
                     " PASSWORD 'hunter2" + std::string(100'000, 'y') + "'\n";
  const LogEntry entry = read_log_entry(text, 0);
  EXPECT_TRUE(entry.truncated);
  EXPECT_LE(entry.message.size(), kLogTextMax);
  EXPECT_EQ(entry.message.find("hunt"), std::string::npos);
}

TEST(LogEntry, bytes_that_are_no_text_cannot_break_the_answer) {
  const LogEntry entry = read_log_entry(kPrefix + "LOG:  \xff\x1b[31m\xc3\x28\n", 0);
  EXPECT_EQ(entry.message, "\xef\xbf\xbd [31m\xef\xbf\xbd(");
  EXPECT_NO_THROW(json::parse(json::serialize(to_json(entry))));
}

}  // namespace
}  // namespace howdah::control
