// SPDX-License-Identifier: Apache-2.0
// The blocking part of a start: everything from the configuration to the running program.
#pragma once
#include <cstdint>
#include <optional>

#include "base/error.h"
#include "base/units.h"
#include "instance/instance_process.h"
#include "os/process.h"

namespace howdah::instance::detail {

struct Launch {
  os::Process postmaster;
  ByteCount log_begin_bytes = 0;  // where its own lines begin in the log
  // The postmaster.pid that an earlier server left: a stale one says "ready" as well.
  std::optional<std::int64_t> stale_pid_file_ns;
};

// Errors: conflict when a postmaster runs at the place.
Result<Launch> launch(const StartRequest& request);

}  // namespace howdah::instance::detail
