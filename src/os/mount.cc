// SPDX-License-Identifier: Apache-2.0
#include "os/mount.h"

#include <sys/mount.h>

#include <cerrno>
#include <sstream>

namespace howdah::os {
namespace {

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescape(std::string_view text) {
  const auto octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && octal(text[i + 1]) && octal(text[i + 2]) &&
        octal(text[i + 3])) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

std::vector<MountEntry> parse_mountinfo(std::string_view text) {
  std::vector<MountEntry> entries;
  std::istringstream lines{std::string(text)};
  std::string line;
  while (std::getline(lines, line)) {
    // "36 35 98:0 /root /point rw,noatime master:1 - type source options"
    std::istringstream fields(line);
    std::string id, parent, device, root, point, flags, word;
    fields >> id >> parent >> device >> root >> point >> flags;
    while (fields >> word && word != "-") {
    }
    MountEntry entry;
    fields >> entry.type >> entry.source;
    if (!fields) continue;
    entry.mount_point = unescape(point);
    entry.source = unescape(entry.source);
    entry.root = unescape(root);
    fields >> entry.options;
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<std::vector<MountEntry>> mounted_file_systems() {
  HOWDAH_TRY(const std::string text, read_file("/proc/self/mountinfo"));
  return parse_mountinfo(text);
}

Result<std::optional<MountEntry>> mounted_at(const Path& path) {
  std::error_code error;
  const Path canonical = std::filesystem::canonical(path, error);
  if (error) return fail_errno("look at " + path.string(), error.value());
  HOWDAH_TRY(const std::vector<MountEntry> entries, mounted_file_systems());
  std::optional<MountEntry> found;
  for (const MountEntry& entry : entries) {
    if (entry.mount_point == canonical) found = entry;
  }
  return found;
}

Result<void> mount_file_system(const MountRequest& request) {
  if (::mount(request.source.c_str(), request.mount_point.c_str(), request.type.c_str(),
              request.flags, request.options.c_str()) != 0) {
    if (errno == ENODEV) {
      return fail(ErrorCode::unsupported, "this kernel has no file system " + request.type);
    }
    return fail_errno(
        "mount " + request.source + " (" + request.type + ") on " + request.mount_point.string(),
        errno);
  }
  return {};
}

Result<void> unmount(const Path& mount_point) {
  if (::umount2(mount_point.c_str(), UMOUNT_NOFOLLOW) == 0) return {};
  if (errno == EBUSY) {
    return fail(ErrorCode::conflict, "unmount " + mount_point.string() + ": it is still in use",
                "stop what uses it; 'fuser -vm " + mount_point.string() + "' names it");
  }
  return fail_errno("unmount " + mount_point.string(), errno);
}

}  // namespace howdah::os
