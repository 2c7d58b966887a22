// SPDX-License-Identifier: Apache-2.0
// Mounting and unmounting, and what is mounted where. Needs root, but for reading.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

// A line of /proc/self/mountinfo (proc(5)).
struct MountEntry {
  Path mount_point;
  std::string type;          // "btrfs"
  std::string source;        // "/dev/loop3"
  Path root = {};            // the part of the file system that is visible here: "/"
  std::string options = {};  // of the file system: "rw,memory"
};
// In the order of mounting: where several are stacked on one point, the last is the visible one.
Result<std::vector<MountEntry>> mounted_file_systems();
std::vector<MountEntry> parse_mountinfo(std::string_view text);
// What is visible at exactly this path. Empty: nothing is mounted there.
Result<std::optional<MountEntry>> mounted_at(const Path& path);

struct MountRequest {
  std::string source;
  Path mount_point;
  std::string type;
  unsigned long flags = 0;  // MS_* of mount(2)
  std::string options;      // of the file system: "nodiscard,space_cache=v2"
};
// Errors: unsupported when the kernel does not know the type.
Result<void> mount_file_system(const MountRequest& request);
// Never lazy: success means that nothing uses it any more. Errors: conflict when it is in use.
Result<void> unmount(const Path& mount_point);

}  // namespace howdah::os
