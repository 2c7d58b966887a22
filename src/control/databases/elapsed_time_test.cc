// SPDX-License-Identifier: Apache-2.0
#include "control/databases/elapsed_time.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

const Timestamp kStart = parse_rfc3339("2026-01-01T00:00:00Z").value();

Elapsed at_start() {
  return {100s, {"boot-1", 5'000s, kStart}};
}

TEST(ElapsedTime, a_wall_clock_that_jumps_changes_nothing) {
  for (const auto jump : {-400 * 24h, 0h, 400 * 24h}) {
    const Elapsed later = advance(at_start(), {"boot-1", 5'060s, kStart + jump});
    EXPECT_EQ(later.elapsed, 160s) << jump.count();
  }
}

TEST(ElapsedTime, a_reboot_counts_for_a_day_at_most_and_never_backwards) {
  EXPECT_EQ(advance(at_start(), {"boot-2", 30s, kStart + 600s}).elapsed, 700s);
  EXPECT_EQ(advance(at_start(), {"boot-2", 30s, kStart + 400 * 24h}).elapsed, 100s + kRebootMax);
  EXPECT_EQ(advance(at_start(), {"boot-2", 30s, kStart - 400 * 24h}).elapsed, 100s);
}

TEST(ElapsedTime, it_goes_on_from_where_it_was_seen_last) {
  Elapsed elapsed = advance(at_start(), {"boot-2", 30s, kStart + 400 * 24h});
  elapsed = advance(elapsed, {"boot-2", 90s, kStart});
  EXPECT_EQ(elapsed.elapsed, 160s + kRebootMax);
}

TEST(ElapsedTime, a_machine_that_cannot_name_its_boot_is_late_and_not_early) {
  Elapsed elapsed{100s, {"", 5'000s, kStart}};
  elapsed = advance(elapsed, {"", 9'000'000s, kStart + 10s});
  EXPECT_EQ(elapsed.elapsed, 110s);
}

TEST(ElapsedTime, this_machine_knows_its_boot) {
  const BootTime here = boot_time();
  EXPECT_EQ(here.boot_id.size(), 36U);
  EXPECT_GT(here.since_boot, 0s);
}

}  // namespace
}  // namespace howdah::control
