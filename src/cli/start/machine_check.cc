// SPDX-License-Identifier: Apache-2.0
#include "cli/start/machine_check.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/units.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

// Three daemons, the catalog and one small database: 90 MB in use, more while a first start makes
// the template.
constexpr ByteCount kMemoryMin = 256_MiB;
constexpr ByteCount kAvailableMin = 128_MiB;
// Less room than this cannot hold the catalog and one database.
constexpr ByteCount kFreeBytesMin = 512_MiB;

// Without it no instance would ever be seen to be ready.
Result<void> check_openat2() {
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  const os::UniqueFd found(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof how)));
  if (found || (errno != ENOSYS && errno != EPERM)) return {};
  return fail(ErrorCode::unsupported, "the system call openat2 is not there",
              "Linux 5.6 or newer has it; a filter around Howdah may take it away: a container's "
              "seccomp profile, or RestrictSUIDSGID=yes in a unit");
}

}  // namespace

Result<void> judge_memory(const os::MemoryInfo& memory) {
  if (memory.total_bytes < kMemoryMin) {
    return fail(ErrorCode::unsupported,
                fmt::format("this machine has {} of memory; Howdah needs at least {}",
                            to_pretty(memory.total_bytes), to_pretty(kMemoryMin)),
                "give the machine or the container more memory");
  }
  if (memory.available_bytes < kAvailableMin) {
    return fail(ErrorCode::memory_full,
                fmt::format("only {} of {} memory are available; Howdah needs at least {} to start",
                            to_pretty(memory.available_bytes), to_pretty(memory.total_bytes),
                            to_pretty(kAvailableMin)),
                "end other programs, add swap, or give the machine more memory, and start again");
  }
  return {};
}

Result<void> check_space(const os::Path& folder) {
  HOWDAH_TRY(const os::DiskSpace space, os::disk_space(folder));
  if (space.free_bytes >= kFreeBytesMin) return {};
  return fail(ErrorCode::data_folder_unusable,
              fmt::format("{} has only {} free; Howdah needs at least {}", folder.string(),
                          to_pretty(space.free_bytes), to_pretty(kFreeBytesMin)),
              "free some space, or choose a folder on another disk with --data-dir");
}

Result<void> check_machine(const Layout& layout) {
  HOWDAH_CHECK(check_openat2());
  if (const auto memory = os::memory_info()) {
    HOWDAH_CHECK(judge_memory(*memory));
  } else {
    log::warn("up", "the memory cannot be measured: {}", memory.error().to_log());
  }
  std::error_code error;
  if (fs::exists(layout.data / "howdah.json", error)) return {};
  os::Path place = layout.data;
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  // Of a read-only disk it does not matter how full it is: making the folder says what is wrong.
  if (::access(place.c_str(), W_OK) != 0 && errno == EROFS) return {};
  return check_space(place);
}

}  // namespace howdah::cli
