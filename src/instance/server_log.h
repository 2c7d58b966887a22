// SPDX-License-Identifier: Apache-2.0
// The file a postmaster writes its standard error to. All functions block.
#pragma once
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::instance {

// The last lines (at most 10, 2 KiB) that were written after `from`, without control characters:
// the tenant chooses part of the text. Empty when there are none or the file cannot be read.
std::string last_log_lines(const os::Path& log, ByteCount from_bytes = 0);

ByteCount log_size(const os::Path& log);  // 0 when there is none

// Keeps the log bounded: above size_max its last size_max bytes are copied to "<log>.1" and it is
// emptied. Also while a server writes (it appends); lines written during the copy are lost.
Result<void> limit_log(const os::Path& log, ByteCount size_max = 10_MiB);

}  // namespace howdah::instance
