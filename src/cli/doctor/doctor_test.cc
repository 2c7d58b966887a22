// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor/doctor.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace howdah::cli::doctor {
namespace {

// What is wrong comes with what it means and what to do.
void expect_finding(const Finding& finding, Status status) {
  EXPECT_EQ(finding.status, status) << finding.text;
  EXPECT_NE(finding.text, "");
  EXPECT_NE(finding.meaning, "");
  EXPECT_NE(finding.advice, "");
}

TEST(Doctor, an_old_minor_version_is_told_with_the_newest_that_is_known) {
  const auto old = judge_versions({{15, "15.3", {}}, {17, "17.7", {}}});
  expect_finding(old, Status::warn);
  EXPECT_NE(old.meaning.find("15.18"), std::string::npos) << old.meaning;
  EXPECT_EQ(old.meaning.find("17."), std::string::npos);
  EXPECT_EQ(judge_versions({{15, "15.18", {}}}).status, Status::ok);
  EXPECT_EQ(judge_versions({{15, "15.99", {}}}).status, Status::ok) << "newer than this program";
  EXPECT_EQ(judge_versions({{19, "19.0", {}}}).status, Status::ok);
}

TEST(Doctor, a_major_that_databases_need_and_nobody_installed_is_named_with_what_to_do) {
  EXPECT_TRUE(judge_missing({}).empty());
  const auto found = judge_missing({{13, 1}, {16, 2}});
  ASSERT_EQ(found.size(), 2U);
  expect_finding(found[0], Status::fail);
  EXPECT_EQ(found[0].text, "1 database needs PostgreSQL 13, which is not installed");
  EXPECT_EQ(found[1].text, "2 databases need PostgreSQL 16, which is not installed");
  EXPECT_NE(found[1].advice.find("install postgresql-16"), std::string::npos);
}

TEST(Doctor, little_space_is_a_warning_and_very_little_a_fault) {
  EXPECT_EQ(judge_space("disk", "here", {100_GiB, 4_GiB}, 4_GiB).status, Status::ok);
  expect_finding(judge_space("disk", "here", {100_GiB, 4_GiB - 1}, 4_GiB), Status::warn);
  expect_finding(judge_space("disk", "here", {100_GiB, 1_GiB - 1}, 4_GiB), Status::fail);
}

TEST(Doctor, a_damaged_page_in_a_server_log_is_told_with_its_time) {
  const std::string head = "2026-01-02 03:04:05.678 UTC [71] ";
  const std::string tail = " client backend\tpsql\tuser_a\ttenant_a\t";
  EXPECT_EQ(damage_in(head + "00000" + tail + "LOG:  all is well\n"), "");
  EXPECT_EQ(damage_in(head + "P0001" + tail + "ERROR:  invalid page XX001 \n"), "");
  const std::string damaged =
      head + "XX001" + tail + "ERROR:  invalid page in block 3 of relation base/1/2\x07\n";
  EXPECT_EQ(damage_in("x\n" + damaged + head),
            "2026-01-02 03:04:05 UTC: invalid page in block 3 of relation base/1/2?");
  EXPECT_TRUE(judge_damage({}).empty());
  const auto found = judge_damage({{"tenant_a", damage_in(damaged)}});
  ASSERT_EQ(found.size(), 1U);
  expect_finding(found.front(), Status::fail);
  EXPECT_EQ(judge_damage(std::vector<Damage>(9, Damage{"a", "b"})).back().text,
            "4 more of the same");
}

TEST(Doctor, memory_is_short_when_no_further_database_would_be_started) {
  EXPECT_EQ(judge_memory({8_GiB, 4_GiB}).status, Status::ok);
  expect_finding(judge_memory({8_GiB, 100_MiB}), Status::fail);
  expect_finding(judge_memory({400_MiB, 300_MiB}), Status::warn);
}

TEST(Doctor, swap_in_use_and_a_strict_kernel_that_has_promised_all_are_told) {
  EXPECT_EQ(judge_swap("SwapTotal: 0 kB\nSwapFree: 0 kB\n", "0\n").status, Status::ok);
  EXPECT_EQ(judge_swap("SwapTotal: 100 kB\nSwapFree: 90 kB\n", "0\n").status, Status::ok);
  expect_finding(judge_swap("SwapTotal: 100 kB\nSwapFree: 10 kB\n", "0\n"), Status::warn);
  const char* committed = "CommitLimit: 100 kB\nCommitted_AS: 95 kB\n";
  expect_finding(judge_swap(committed, "2\n"), Status::warn);
  EXPECT_EQ(judge_swap(committed, "0\n").status, Status::ok);
  EXPECT_EQ(judge_swap("", "").status, Status::ok);
}

TEST(Doctor, a_limit_of_open_files_is_read_from_the_gates_own) {
  const auto limits = [](const char* hard) {
    return std::string("Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   ") +
           hard + "    files\nMax locked memory 1 1 bytes\n";
  };
  EXPECT_EQ(judge_file_limit(limits("524288")).status, Status::ok);
  EXPECT_EQ(judge_file_limit(limits("unlimited")).status, Status::ok);
  expect_finding(judge_file_limit(limits("1024")), Status::warn);
  EXPECT_EQ(judge_file_limit("").status, Status::ok);
}

TEST(Doctor, a_clock_that_was_set_back_is_a_fault_and_one_that_nobody_keeps_a_note) {
  const Timestamp at = now();
  EXPECT_EQ(judge_clock(true, at, at).status, Status::ok);
  EXPECT_EQ(judge_clock(true, Timestamp{}, at).status, Status::ok);
  EXPECT_EQ(judge_clock(true, at + std::chrono::minutes(5), at).status, Status::ok);
  expect_finding(judge_clock(true, at + std::chrono::hours(1), at), Status::fail);
  EXPECT_EQ(judge_clock(false, at, at).status, Status::note);
}

TEST(Doctor, a_missing_part_of_the_wall_comes_with_what_helps) {
  EXPECT_EQ(judge_wall("not root: ...").advice, "start Howdah as root");
  EXPECT_NE(judge_wall("sandbox: switched off; ...").advice.find("--sandbox off"),
            std::string::npos);
  EXPECT_NE(judge_wall("sandbox: Landlock: none").advice.find("SECURITY.md"), std::string::npos);
}

}  // namespace
}  // namespace howdah::cli::doctor
