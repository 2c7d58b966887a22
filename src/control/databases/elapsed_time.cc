// SPDX-License-Identifier: Apache-2.0
#include "control/databases/elapsed_time.h"

#include <time.h>

#include <algorithm>

#include "control/databases/lifecycle_store.h"
#include "os/file.h"

namespace howdah::control {

BootTime boot_time() {
  BootTime time;
  time.wall = now();
  timespec since{};
  if (::clock_gettime(CLOCK_BOOTTIME, &since) == 0) {
    time.since_boot = std::chrono::seconds{since.tv_sec};
  }
  // Without it, every look counts as one after a reboot, which errs on the late side.
  const auto id = os::read_file("/proc/sys/kernel/random/boot_id", 100);
  if (id) time.boot_id = id->substr(0, id->find('\n'));
  return time;
}

Elapsed advance(Elapsed elapsed, const BootTime& now) {
  std::chrono::seconds passed{0};
  if (!now.boot_id.empty() && now.boot_id == elapsed.seen.boot_id) {
    passed = now.since_boot - elapsed.seen.since_boot;
  } else {
    passed = std::min(std::chrono::floor<std::chrono::seconds>(now.wall - elapsed.seen.wall),
                      kRebootMax);
  }
  elapsed.elapsed += std::max(passed, std::chrono::seconds{0});
  elapsed.seen = now;
  return elapsed;
}

Task<Moment> tick(pg::Connection& connection) {
  HOWDAH_CO_TRY(Elapsed elapsed, co_await lifecycle_store::lock_elapsed(connection));
  elapsed = advance(std::move(elapsed), boot_time());
  HOWDAH_CO_CHECK(co_await lifecycle_store::store_elapsed(connection, elapsed));
  co_return Moment{elapsed.seen.wall, elapsed.elapsed};
}

}  // namespace howdah::control
