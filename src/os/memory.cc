// SPDX-License-Identifier: Apache-2.0
#include "os/memory.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ranges>

#include "os/file.h"

namespace howdah::os {

ByteCount daemon_memory_max(ByteCount total_bytes, unsigned part) {
  return std::clamp<ByteCount>(total_bytes / part, 512_MiB, 8_GiB);
}

Result<ByteCount> cap_own_memory(unsigned part) {
  HOWDAH_TRY(const MemoryInfo memory, memory_info());
  const ByteCount bytes = daemon_memory_max(memory.total_bytes, part);
#if !__has_feature(address_sanitizer)
  rlimit limit{};
  ::getrlimit(RLIMIT_DATA, &limit);
  limit.rlim_cur = std::min<rlim_t>(bytes, limit.rlim_max);
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) return fail_errno("cap its own memory", errno);
#endif
  return bytes;
}

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

namespace {

// A file of one number; "max" and what is not there are empty.
std::optional<ByteCount> number_in(const Path& file) {
  const auto text = read_file(file, 4_KiB);
  ByteCount number = 0;
  if (!text) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  return error == std::errc() ? std::optional(number) : std::nullopt;
}

// What the kernel would take back first: pages of files that nobody used lately.
ByteCount reclaimable_in(const Path& file, std::string_view name) {
  const std::string text = read_file(file, 64_KiB).value_or("");
  for (const auto part : std::views::split(text, '\n')) {
    const std::string_view line(part.begin(), part.end());
    if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") continue;
    ByteCount number = 0;
    (void)std::from_chars(line.data() + name.size() + 1, line.data() + line.size(), number);
    return number;
  }
  return 0;
}

struct GroupFiles {
  const char* limit;
  const char* used;
  const char* reclaimable;
};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file"};
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file"};

// One control group's limit. A group without one says so with a number beyond any machine.
void narrow(MemoryInfo& info, const Path& group, const GroupFiles& files) {
  const auto limit = number_in(group / files.limit);
  const auto used = number_in(group / files.used);
  if (!limit || !used || *limit >= info.total_bytes) return;
  const ByteCount reclaimable = reclaimable_in(group / "memory.stat", files.reclaimable);
  const ByteCount taken = *used - std::min(*used, reclaimable);
  info.total_bytes = *limit;
  info.available_bytes = std::min(info.available_bytes, *limit - std::min(*limit, taken));
}

// A line of /proc/self/cgroup (cgroups(7)): "0::/a/b" of version 2, "4:memory:/a/b" of version 1.
// Each group on the way up may have a limit; in a container the way begins at its own root.
void narrow(MemoryInfo& info, std::string_view line, const Path& groups) {
  const std::size_t first = line.find(':');
  const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
  if (second == line.npos) return;
  const std::string_view controllers = line.substr(first + 1, second - first - 1);
  if (!controllers.empty() && controllers != "memory") return;
  const Path root = controllers.empty() ? groups : groups / "memory";
  std::string_view path = line.substr(second + 1);
  while (true) {
    narrow(info, root / path.substr(std::min<std::size_t>(1, path.size())),
           controllers.empty() ? kVersion2 : kVersion1);
    const std::size_t slash = path.rfind('/');
    if (path.size() <= 1 || slash == path.npos) return;
    path = path.substr(0, std::max<std::size_t>(slash, 1));
  }
}

}  // namespace

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

ByteCount memory_reserve(ByteCount total_bytes) {
  return std::clamp<ByteCount>(total_bytes / 32, 64_MiB, 1_GiB);
}

Result<MemoryInfo> memory_info(const MemoryPlaces& places) {
  HOWDAH_TRY(const std::string text, read_file(places.meminfo));
  const auto total = parse_kb_line(text, "MemTotal");
  const auto available = parse_kb_line(text, "MemAvailable");
  if (!total || !available) return fail(ErrorCode::io_error, "/proc/meminfo cannot be understood");
  MemoryInfo info{*total, *available};
  const std::string groups = read_file(places.own_groups, 64_KiB).value_or("");
  for (const auto part : std::views::split(groups, '\n')) {
    narrow(info, std::string_view(part.begin(), part.end()), places.groups);
  }
  return info;
}

}  // namespace howdah::os
