// SPDX-License-Identifier: Apache-2.0
// Copies that leave the volume (declared in volume.h).
#include <fcntl.h>
#include <unistd.h>

#include "volume/detail/btrfs_ioctl.h"
#include "volume/detail/tree.h"
#include "volume/volume.h"

namespace howdah::volume {
namespace {

// Where every volume keeps what its next opening takes away.
constexpr const char* kStaging = ".howdah-staging";

Result<os::UniqueFd> open_folder(const os::Path& path) {
  return os::open_file(path, O_RDONLY | O_DIRECTORY);
}

}  // namespace

Result<os::Path> freeze_directory(const os::Path& root, const std::string& path) {
  HOWDAH_TRY(const os::UniqueFd root_fd, open_folder(root));
  HOWDAH_TRY(const tree::Place place,
             tree::find_place(root_fd.get(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd source, tree::open_directory(place.parent.get(), place.name));
  if (!btrfs::is_subvolume(source.get())) {
    return fail(ErrorCode::unsupported, "this volume has no snapshots");
  }
  HOWDAH_TRY(const os::UniqueFd staging, tree::open_directory(root_fd.get(), kStaging));
  const std::string name = "frozen-" + std::to_string(::getpid());
  HOWDAH_CHECK(btrfs::create_snapshot(source.get(), staging.get(), name));
  return root / kStaging / name;
}

Result<void> drop_frozen(const os::Path& frozen) {
  HOWDAH_TRY(const os::UniqueFd staging, open_folder(frozen.parent_path()));
  const int error = btrfs::destroy_subvolume(staging.get(), frozen.filename());
  if (error != 0) return fail_errno("remove " + frozen.string(), error);
  return {};
}

Result<void> copy_out(const os::Path& source, const os::Path& destination) {
  HOWDAH_TRY(const os::UniqueFd from, open_folder(source));
  HOWDAH_TRY(const os::UniqueFd to, open_folder(destination));
  HOWDAH_CHECK(tree::copy_tree(from.get(), to.get(), tree::Content::shared));
  return tree::sync(to.get(), destination.string());
}

Result<ByteCount> bytes_below(const os::Path& directory) {
  HOWDAH_TRY(const os::UniqueFd fd, open_folder(directory));
  return tree::allocated_bytes(fd.get());
}

}  // namespace howdah::volume
