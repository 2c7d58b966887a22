// SPDX-License-Identifier: Apache-2.0
#include "volume/volume.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "volume/detail/tree.h"

namespace howdah::volume {

Volume::Volume(Parts parts)
    : root_(std::move(parts.root)),
      degraded_(std::move(parts.degraded)),
      root_fd_(std::move(parts.root_fd)),
      staging_fd_(std::move(parts.staging_fd)) {}

Volume::~Volume() = default;

std::string Volume::staging_name() {
  static std::atomic<unsigned> counter = 0;
  return fmt::format("{}-{}", ::getpid(), counter++);
}

Result<Volume::Parts> Volume::open_root(os::Path root, std::string degraded) {
  Parts parts{std::move(root), std::move(degraded), {}, {}};
  HOWDAH_TRY(parts.root_fd, os::open_file(parts.root, O_RDONLY | O_DIRECTORY));
  // 0711: instances reach their own directory by name and see nobody else's name.
  if (::fchmod(parts.root_fd.get(), 0711) != 0) return fail_errno("set the volume's mode", errno);
  if (::mkdirat(parts.root_fd.get(), kStagingName, 0700) != 0 && errno != EEXIST) {
    return fail_errno("make the volume's staging directory", errno);
  }
  HOWDAH_TRY(parts.staging_fd, tree::open_directory(parts.root_fd.get(), kStagingName));
  return parts;
}

void Volume::close_descriptors() {
  root_fd_ = os::UniqueFd();
  staging_fd_ = os::UniqueFd();
}

Result<void> Volume::open_descriptors() {
  HOWDAH_TRY(Parts parts, open_root(root_, {}));
  root_fd_ = std::move(parts.root_fd);
  staging_fd_ = std::move(parts.staging_fd);
  return {};
}

Result<void> Volume::make_durable(const std::string& path) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(place.parent.get(), place.name));
  HOWDAH_CHECK(tree::sync_tree(fd.get()));
  return tree::sync(place.parent.get(), "a directory");
}

Result<void> Volume::remove(const std::string& path) {
  auto place = tree::find_place(root_fd(), path, tree::Missing::refused);
  if (!place && place.error().code == ErrorCode::not_found) return {};
  if (!place) return std::unexpected(std::move(place).error());
  HOWDAH_TRY(const bool there, tree::exists(place->parent.get(), place->name));
  if (!there) return {};

  const auto before = space();
  HOWDAH_CHECK(move_and_delete(*place));
  if (before && before->free_bytes < before->size_bytes / 32) reclaim_space();
  return {};
}

Result<void> Volume::move_and_delete(const tree::Place& place) {
  const std::string staged = staging_name();
  if (::renameat(place.parent.get(), place.name.c_str(), staging_fd(), staged.c_str()) == 0) {
    HOWDAH_CHECK(tree::sync(place.parent.get(), "a directory"));
    return delete_entry(staging_fd(), staged);
  }
  // Inside a subvolume it cannot leave it in one step, and on a full volume there is no room for a
  // move, while deleting may use the reserve: deleted where it is.
  if (errno != EXDEV && errno != ENOSPC) return fail_errno("delete " + place.name, errno);
  HOWDAH_CHECK(delete_entry(place.parent.get(), place.name));
  return tree::sync(place.parent.get(), "a directory");
}

Result<ByteCount> Volume::allocated(const std::string& path) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(place.parent.get(), place.name));
  return tree::allocated_bytes(fd.get());
}

Result<bool> Volume::limit_own_bytes(const std::string&, ByteCount) {
  return false;
}

Result<os::DiskSpace> Volume::space() const {
  return os::disk_space(root_);
}

Result<os::DiskSpace> Volume::room() const {
  return space();
}

Result<void> Volume::grow(ByteCount) {
  return fail(ErrorCode::unsupported,
              "the volume lies on the host's disk itself and has all of its room",
              "make that disk larger, or move the data folder to a larger one");
}

Result<bool> Volume::remove_directory(int, const std::string&) {
  return false;
}

void Volume::reclaim_space() {}

Result<void> Volume::delete_entry(int parent_fd, const std::string& name) {
  return tree::remove_entry(parent_fd, name, [this](int fd, const std::string& entry) {
    return remove_directory(fd, entry);
  });
}

Result<void> Volume::remove_leftovers() {
  HOWDAH_TRY(const std::vector<std::string> names, tree::entries(staging_fd()));
  for (const std::string& name : names) {
    // What cannot be deleted takes space but stands in nobody's way: no reason not to start.
    if (const auto deleted = delete_entry(staging_fd(), name); !deleted) {
      log::warn("volume", "{} cannot be deleted: {}", (root_ / kStagingName / name).string(),
                deleted.error().to_log());
    }
  }
  return {};
}

Result<Driver> parse_driver(std::string_view name) {
  if (name == "auto") return Driver::automatic;
  if (name == "btrfs") return Driver::btrfs;
  if (name == "reflink") return Driver::reflink;
  if (name == "copy") return Driver::copy;
  return fail(ErrorCode::config_invalid,
              fmt::format("'{}' is no volume driver: auto, btrfs, reflink or copy", name));
}

ByteCount host_reserve(const os::DiskSpace& host) {
  return std::max(4_GiB, host.size_bytes / 5);
}

ByteCount image_size(const os::DiskSpace& host) {
  const ByteCount kept = host_reserve(host);
  if (host.free_bytes <= kept) return 0;
  ByteCount size = std::min({host.free_bytes / 5 * 2, 200_GiB, host.free_bytes - kept});
  size -= size % 1_MiB;
  return size < 2_GiB ? 0 : size;
}

}  // namespace howdah::volume
