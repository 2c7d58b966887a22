// SPDX-License-Identifier: Apache-2.0
// Time as it really passed, for what deletes data for ever: a wall clock that is set forward by a
// year must not purge what was deleted a minute ago.
//
// Within one boot the kernel's time since boot counts, which nobody can set. Over a reboot only the
// wall clock knows, so a reboot counts for a day at most: a machine that was off for long purges
// later, never earlier.
#pragma once
#include <chrono>
#include <string>

#include "base/clock.h"
#include "pg/connection.h"

namespace howdah::control {

struct BootTime {
  std::string boot_id;
  std::chrono::seconds since_boot{0};
  Timestamp wall;
};
// Of this machine, now.
BootTime boot_time();

struct Elapsed {
  std::chrono::seconds elapsed{0};
  BootTime seen;  // when it was put on last
};
inline constexpr std::chrono::seconds kRebootMax{24 * 3600};
// The same clock at `now`. It never goes back.
Elapsed advance(Elapsed elapsed, const BootTime& now);

// One moment on both clocks.
struct Moment {
  Timestamp wall;
  std::chrono::seconds elapsed{0};
};
// Puts the clock on in the caller's transaction. Cost: one row, locked until its end.
Task<Moment> tick(pg::Connection& connection);

}  // namespace howdah::control
