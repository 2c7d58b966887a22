// SPDX-License-Identifier: Apache-2.0
// Reads global/pg_control, the file PostgreSQL keeps a data directory's identity and state in.
// Source: src/include/catalog/pg_control.h; the fields used stand at the same place in 13 to 18.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "os/file.h"

namespace howdah::instance {

struct ControlFile {
  std::uint64_t system_identifier = 0;
  std::uint32_t format = 0;  // pg_control_version: 1300, 1800
  // Stopped cleanly: the next start needs no recovery. False while it runs and after a crash.
  bool shut_down = false;
  std::size_t crc_offset = 0;  // of the CRC-32C that covers everything before it
};

// Errors: io_error when the content is damaged (no CRC matches) or not of a format we know.
Result<ControlFile> parse_control_file(std::string_view content);
Result<ControlFile> read_control_file(const os::Path& data_directory);

// CRC-32C (Castagnoli) as PostgreSQL keeps it.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace howdah::instance
