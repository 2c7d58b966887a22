// SPDX-License-Identifier: Apache-2.0
// Gives the clone of a template its own system identifier. Two databases with the same one would
// accept each other's WAL.
#pragma once
#include <cstdint>

#include "base/error.h"
#include "os/file.h"

namespace howdah::instance {

// Returns the new identifier; the change is durable. Only for a data directory that was stopped
// cleanly and that nobody uses.
// Errors: conflict when it was not stopped cleanly; io_error when pg_control or the WAL is damaged.
// After an error the clone must be thrown away. Cost: two small writes and syncs; blocks.
Result<std::uint64_t> give_own_identity(const os::Path& data_directory);

}  // namespace howdah::instance
