// SPDX-License-Identifier: Apache-2.0
#include "cli/start/folder_place.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "os/loop_device.h"
#include "os/mount.h"
#include "os/uid_lease.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kDetachLimit_ms = 10'000;

std::string place_in(const os::Path& lock_file) {
  std::string text = os::read_file(lock_file, 64_KiB).value_or("");
  if (const std::size_t end = text.find('\n'); end != std::string::npos) text.resize(end);
  return text;
}

// In place: another file under the name would be another lock.
Result<void> write_place(const os::UniqueFd& lock, const std::string& path) {
  const std::string text = path + "\n";
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return fail_errno("write the lock file of the data folder", errno);
  }
  return {};
}

}  // namespace

Result<void> settle_place(const Layout& layout, const os::UniqueFd& lock) {
  const std::string here = layout.data.string();
  const std::string before = place_in(layout.data / "lock");
  if (before == here) return {};
  const auto id = os::folder_id_at(layout.data);
  std::error_code ignored;
  if (id && !before.empty() && os::folder_id_at(before) == id &&
      !fs::equivalent(before, layout.data, ignored)) {
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("{} is a copy of {}, which is still there", here, before),
                "start the one that is to live, and move the other away or delete it; a copy made "
                "while Howdah ran is torn: use backups instead");
  }
  return write_place(lock, here);
}

Result<std::vector<std::string>> release_machine(const Layout& layout) {
  std::vector<std::string> done;
  std::error_code ignored;
  if (!fs::exists(layout.data / "lock", ignored)) return done;  // it was never used
  HOWDAH_TRY(const auto lock, os::try_lock(layout.data / "lock"));
  if (!lock) {
    return fail(ErrorCode::already_running,
                fmt::format("a Howdah still uses {}", layout.data.string()), "stop it first");
  }
  const os::Path volume = layout.data / "volume";
  const os::Path image = layout.data / "volume.img";
  std::optional<os::MountEntry> mounted;
  if (fs::exists(volume, ignored)) {
    HOWDAH_TRY(mounted, os::mounted_at(volume));
  }
  if (mounted) {
    HOWDAH_CHECK(os::unmount(volume));
    done.push_back(fmt::format("Unmounted {}.", volume.string()));
  }
  if (fs::exists(image, ignored) && ::geteuid() == 0) {
    HOWDAH_CHECK(os::wait_until_detached(image, kDetachLimit_ms));
  }
  if (fs::exists(layout.runtime, ignored)) {
    HOWDAH_CHECK(os::remove_tree(layout.runtime));
    done.push_back(fmt::format("Removed {}.", layout.runtime.string()));
  }
  return done;
}

}  // namespace howdah::cli
