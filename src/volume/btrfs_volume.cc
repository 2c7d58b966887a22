// SPDX-License-Identifier: Apache-2.0
#include "volume/btrfs_volume.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "os/loop_device.h"
#include "os/mount.h"
#include "volume/detail/btrfs_ioctl.h"
#include "volume/detail/image.h"
#include "volume/detail/tree.h"

namespace howdah::volume {

Result<void> BtrfsVolume::create_directory(const std::string& path) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::made));
  HOWDAH_CHECK(btrfs::create_subvolume(place.parent.get(), place.name));
  HOWDAH_TRY(const os::UniqueFd made, tree::open_directory(place.parent.get(), place.name));
  if (::fchmod(made.get(), 0700) != 0) return fail_errno("set the mode of " + path, errno);
  // Unlike a snapshot a new subvolume is not committed by its ioctl; the sync of the directory that
  // holds it is a commit.
  HOWDAH_CHECK(tree::sync(made.get(), path));
  return tree::sync(place.parent.get(), "a directory");
}

Result<void> BtrfsVolume::clone(const std::string& source, const std::string& destination) {
  HOWDAH_TRY(const tree::Place from, tree::find_place(root_fd(), source, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd from_fd, tree::open_directory(from.parent.get(), from.name));
  if (!btrfs::is_subvolume(from_fd.get())) {
    return fail(ErrorCode::unprocessable, source + " is a plain directory and cannot be cloned");
  }
  // New parents need no sync: the snapshot commits them with itself.
  HOWDAH_TRY(const tree::Place to, tree::find_place(root_fd(), destination, tree::Missing::made));
  return btrfs::create_snapshot(from_fd.get(), to.parent.get(), to.name);
}

Result<ByteCount> BtrfsVolume::usage(const std::string& path) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(place.parent.get(), place.name));
  if (!image_.empty() && btrfs::is_subvolume(fd.get())) {
    HOWDAH_TRY(const std::uint64_t id, btrfs::subvolume_id(fd.get()));
    const auto own = btrfs::own_bytes(fd.get(), id);
    if (own) return *own;
  }
  return tree::allocated_bytes(fd.get());
}

Result<bool> BtrfsVolume::limit_own_bytes(const std::string& path, ByteCount bytes) {
  // A host's own btrfs may have quotas of its owner's making.
  if (image_.empty()) return false;
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(place.parent.get(), place.name));
  if (!btrfs::is_subvolume(fd.get())) return false;
  HOWDAH_TRY(const std::uint64_t id, btrfs::subvolume_id(fd.get()));
  if (!btrfs::own_bytes(fd.get(), id)) return false;  // no quotas
  HOWDAH_CHECK(btrfs::limit_own_bytes(fd.get(), id, bytes));
  return true;
}

Result<bool> BtrfsVolume::remove_directory(int parent_fd, const std::string& name) {
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(parent_fd, name));
  if (!btrfs::is_subvolume(fd.get())) return false;
  int error = btrfs::destroy_subvolume(parent_fd, name);
  if (error == ENOTEMPTY) {
    HOWDAH_CHECK(btrfs::destroy_nested(fd.get()));
    error = btrfs::destroy_subvolume(parent_fd, name);
  }
  if (error == 0 || error == ENOENT) return true;
  // Without root the host may allow no destroying; emptied it goes as any directory.
  if (error == EPERM || error == EACCES) return false;
  return fail_errno("destroy subvolume " + name, error);
}

void BtrfsVolume::reclaim_space() {
  // Two commits at least: one before the cleaner frees the extents, one before they can be taken.
  for (int attempt = 0; attempt < 20; ++attempt) {
    btrfs::wake_cleaner(root_fd());
    const std::string trial = staging_name();
    if (::mkdirat(staging_fd(), trial.c_str(), 0700) == 0) {
      (void)::unlinkat(staging_fd(), trial.c_str(), AT_REMOVEDIR);
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

Result<std::vector<std::string>> BtrfsVolume::check() {
  if (image_.empty()) return std::vector<std::string>();
  return image::check(image_);
}

// statvfs counts what has its place on the disk; what waits in memory for one needs it as well.
Result<os::DiskSpace> BtrfsVolume::room() const {
  HOWDAH_TRY(os::DiskSpace space, this->space());
  space.free_bytes -= std::min(space.free_bytes, btrfs::unplaced_bytes(root_fd()));
  return space;
}

void BtrfsVolume::free_deleted() {
  btrfs::wake_cleaner(root_fd());
}

Result<void> BtrfsVolume::grow(ByteCount size_bytes) {
  if (image_.empty()) return Volume::grow(size_bytes);
  struct stat info{};
  if (::stat(image_.c_str(), &info) != 0) return fail_errno("look at " + image_.string(), errno);
  const auto now = static_cast<ByteCount>(info.st_size);
  const ByteCount size = size_bytes - size_bytes % 1_MiB;
  if (size <= now) {
    return fail(ErrorCode::invalid_request,
                fmt::format("the volume has {} already; it can only grow", to_pretty(now)),
                "name a larger size, or +SIZE for so much more");
  }
  HOWDAH_TRY(const os::DiskSpace host, os::disk_space(image_));
  const ByteCount kept = host_reserve(host);
  if (host.free_bytes < kept + (size - now)) {
    const ByteCount most = host.free_bytes > kept ? host.free_bytes - kept : 0;
    return fail(ErrorCode::volume_full,
                fmt::format("the disk of {} has {} free, and {} of it stay the host's",
                            image_.string(), to_pretty(host.free_bytes), to_pretty(kept)),
                most < 1_MiB ? "make room on that disk first"
                             : fmt::format("at most +{} now", to_pretty(most - most % 1_MiB)));
  }
  HOWDAH_CHECK(image::grow(image_, size));
  HOWDAH_CHECK(btrfs::grow_to_device(root_fd()));
  log::info("volume", "{} has {} now", image_.string(), to_pretty(size));
  return {};
}

Result<void> BtrfsVolume::close() {
  close_descriptors();
  if (image_.empty()) return {};
  if (auto unmounted = os::unmount(root()); !unmounted) {
    HOWDAH_CHECK(open_descriptors());
    return unmounted;
  }
  return os::wait_until_detached(image_, 10'000);
}

Result<void> BtrfsVolume::count_own_bytes() {
  HOWDAH_TRY(const std::vector<std::string> names, tree::entries(root_fd()));
  for (const std::string& name : names) {
    if (name != kStagingName) return {};
  }
  const auto enabled = btrfs::enable_simple_quotas(root_fd());
  if (!enabled && enabled.error().code != ErrorCode::unsupported) return enabled;
  return {};
}

Result<void> BtrfsVolume::take_whole_image() {
  HOWDAH_TRY(const auto device, os::find_loop(image_));
  if (device) HOWDAH_CHECK(os::take_new_size(*device));
  return btrfs::grow_to_device(root_fd());
}

Result<void> BtrfsVolume::probe() {
  const std::string first = staging_name();
  const std::string second = staging_name();
  HOWDAH_CHECK(btrfs::create_subvolume(staging_fd(), first));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(staging_fd(), first));
  HOWDAH_CHECK(btrfs::create_snapshot(fd.get(), staging_fd(), second));
  return remove_leftovers();
}

}  // namespace howdah::volume
