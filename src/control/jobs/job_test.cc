// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/job.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include "control/jobs/backoff.h"

namespace howdah::control {
namespace {

Timestamp at(const char* text) {
  return parse_rfc3339(text).value();
}

// Local time is the process's: set for one test.
class LocalTime : public ::testing::Test {
 protected:
  void use(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  static Schedule daily(int hour, int minute) {
    return {.name = "x", .kind = "x", .daily_at = Schedule::TimeOfDay{hour, minute}};
  }
};

TEST(Backoff, doubles_up_to_its_limit) {
  const milliseconds first{100}, max{1'000};
  EXPECT_EQ(backoff(1, first, max, 500), milliseconds{100});
  EXPECT_EQ(backoff(2, first, max, 500), milliseconds{200});
  EXPECT_EQ(backoff(4, first, max, 500), milliseconds{800});
  EXPECT_EQ(backoff(5, first, max, 500), milliseconds{1'000});
  EXPECT_EQ(backoff(1'000'000, first, max, 500), milliseconds{1'000});
}

TEST(Backoff, varies_by_a_fifth) {
  EXPECT_EQ(backoff(1, milliseconds{1'000}, milliseconds{1'000}, 0), milliseconds{800});
  EXPECT_EQ(backoff(1, milliseconds{1'000}, milliseconds{1'000}, 999), milliseconds{1'199});
}

TEST(JobState, names_are_those_of_the_contract) {
  for (const char* name :
       {"scheduling", "running", "finished", "failed", "cancelling", "cancelled", "skipped"}) {
    const auto state = parse_job_state(name);
    ASSERT_TRUE(state) << name;
    EXPECT_EQ(to_string(*state), name);
  }
  EXPECT_FALSE(parse_job_state("done"));
}

TEST(JobError, only_what_time_may_heal_is_retried) {
  EXPECT_TRUE(is_retryable(ErrorCode::unavailable));
  EXPECT_TRUE(is_retryable(ErrorCode::volume_full));
  EXPECT_TRUE(is_retryable(ErrorCode::internal));
  EXPECT_FALSE(is_retryable(ErrorCode::conflict));
  EXPECT_FALSE(is_retryable(ErrorCode::cancelled));
  EXPECT_FALSE(is_retryable(ErrorCode::seal_broken));
  EXPECT_FALSE(is_retryable(ErrorCode::memory_full));
}

TEST(StepRun, keeps_a_bounded_log) {
  Job job;
  StepRun run(job);
  for (int i = 0; i < 1'000; ++i) run.log(std::string(10'000, 'x'));  // no crash, no growth
}

TEST_F(LocalTime, every_counts_from_now_and_never_from_the_last_run) {
  const Schedule schedule{.name = "x", .kind = "x", .every = std::chrono::seconds(90)};
  EXPECT_EQ(next_due(schedule, at("2026-01-01T00:00:00Z")), at("2026-01-01T00:01:30Z"));
}

TEST_F(LocalTime, daily_is_today_or_tomorrow) {
  use("UTC");
  EXPECT_EQ(next_due(daily(2, 0), at("2026-01-31T01:59:59.999Z")), at("2026-01-31T02:00:00Z"));
  EXPECT_EQ(next_due(daily(2, 0), at("2026-01-31T02:00:00Z")), at("2026-02-01T02:00:00Z"));
}

TEST_F(LocalTime, daily_means_the_clock_on_the_wall) {
  use("America/New_York");
  EXPECT_EQ(next_due(daily(2, 0), at("2026-01-31T12:00:00Z")), at("2026-02-01T07:00:00Z"));
  EXPECT_EQ(next_due(daily(2, 0), at("2026-07-31T12:00:00Z")), at("2026-08-01T06:00:00Z"));
}

TEST_F(LocalTime, a_time_that_a_clock_change_skips_comes_right_after_the_gap) {
  use("Europe/Berlin");  // 2026-03-29: 02:00 becomes 03:00
  EXPECT_EQ(next_due(daily(2, 30), at("2026-03-28T12:00:00Z")), at("2026-03-29T01:30:00Z"));
  EXPECT_EQ(next_due(daily(2, 30), at("2026-03-29T12:00:00Z")), at("2026-03-30T00:30:00Z"));
}

TEST_F(LocalTime, a_time_that_a_clock_change_repeats_comes_once) {
  use("Europe/Berlin");  // 2026-10-25: 03:00 becomes 02:00
  const Timestamp first = next_due(daily(2, 30), at("2026-10-24T12:00:00Z"));
  EXPECT_TRUE(first == at("2026-10-25T00:30:00Z") || first == at("2026-10-25T01:30:00Z"));
  EXPECT_EQ(next_due(daily(2, 30), at("2026-10-25T01:30:00Z")), at("2026-10-26T01:30:00Z"));
}

}  // namespace
}  // namespace howdah::control
