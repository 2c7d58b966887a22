// SPDX-License-Identifier: Apache-2.0
#include "os/memory.h"

#include <fmt/format.h>

#include <charconv>

#include "os/file.h"

namespace howdah::os {

std::optional<ByteCount> parse_kb_line(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
    const std::size_t digits = line.find_first_not_of(" \t", name.size() + 1);
    if (digits == line.npos) return std::nullopt;
    ByteCount kilobytes = 0;
    const auto [end, error] =
        std::from_chars(line.data() + digits, line.data() + line.size(), kilobytes);
    if (error != std::errc() || std::string_view(end, line.end()) != " kB") return std::nullopt;
    return kilobytes * 1024;
  }
  return std::nullopt;
}

Result<ByteCount> proportional_set_size(pid_t pid) {
  const auto text = read_file(fmt::format("/proc/{}/smaps_rollup", pid));
  // A process that ended and was not reaped yet has the file, but no memory to tell of.
  const auto bytes = text ? parse_kb_line(*text, "Pss") : std::nullopt;
  if (bytes) return *bytes;
  if (text || text.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, fmt::format("process {} has ended", pid));
  }
  return std::unexpected(text.error());
}

Result<MemoryInfo> memory_info() {
  HOWDAH_TRY(const std::string text, read_file("/proc/meminfo"));
  const auto total = parse_kb_line(text, "MemTotal");
  const auto available = parse_kb_line(text, "MemAvailable");
  if (!total || !available) return fail(ErrorCode::io_error, "/proc/meminfo cannot be understood");
  return MemoryInfo{*total, *available};
}

}  // namespace howdah::os
