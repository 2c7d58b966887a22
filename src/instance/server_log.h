// SPDX-License-Identifier: Apache-2.0
// The file a postmaster writes its standard error to. It stands beside the data directory, and what
// is in it is the tenant's choice as much as PostgreSQL's: it is opened through no link, read in
// pieces and shown without passwords. All functions block.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::instance {

inline constexpr ByteCount kLogSizeMax = 10_MiB;

// The last lines (at most 10, 2 KiB) that were written after `from`, without control characters
// and passwords: the tenant chooses part of the text. Empty when there are none or the file cannot
// be read.
std::string last_log_lines(const os::Path& log, ByteCount from_bytes = 0);

ByteCount log_size(const os::Path& log);  // 0 when there is none

// Keeps the log bounded: above size_max its last size_max bytes are copied to "<log>.1" and it is
// emptied. Also while a server writes (it appends); lines written during the copy are lost.
Result<void> limit_log(const os::Path& log, ByteCount size_max = kLogSizeMax);

// Positions in a log count all bytes since its first, also those that are not kept any more, so
// they stay valid when it is shortened. (A crash between two steps of limit_log() may repeat some.)
struct LogRange {
  // The piece begins here; empty: it ends at `before`.
  std::optional<std::uint64_t> from;
  std::optional<std::uint64_t> before;  // empty: the log's end
  ByteCount size_max = 256_KiB;
};
struct LogPiece {
  std::uint64_t begin = 0;  // of text
  std::uint64_t first = 0;  // what is kept now: [first, last)
  std::uint64_t last = 0;
  std::string text;  // raw bytes
};
// Positions outside of what is kept are taken as its nearest end. No log: an empty piece.
// Errors: io_error, also when the log is not a regular file. Cost: size_max bytes.
Result<LogPiece> read_log(const os::Path& log, LogRange range);

}  // namespace howdah::instance
