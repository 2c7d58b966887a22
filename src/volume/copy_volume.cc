// SPDX-License-Identifier: Apache-2.0
#include "volume/copy_volume.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "volume/detail/tree.h"

namespace howdah::volume {
namespace {

std::unexpected<Error> in_the_way(const std::string& path) {
  return fail(ErrorCode::conflict, path + " exists on the volume already");
}

std::unexpected<Error> no_room(const Error& cause) {
  return fail(ErrorCode::volume_full, "the volume has no room for another copy",
              "free some space, or move the data folder to a larger disk", cause.message);
}

}  // namespace

Result<void> CopyVolume::create_directory(const std::string& path) {
  HOWDAH_TRY(const tree::Place place,
             tree::find_place(root_fd(), path, tree::Missing::made_durably));
  if (::mkdirat(place.parent.get(), place.name.c_str(), 0700) != 0) {
    if (errno == EEXIST) return in_the_way(path);
    return fail_errno("make directory " + path, errno);
  }
  return tree::sync(place.parent.get(), "a directory");
}

Result<void> CopyVolume::clone(const std::string& source, const std::string& destination) {
  HOWDAH_TRY(const tree::Place place,
             tree::find_place(root_fd(), destination, tree::Missing::made_durably));
  HOWDAH_TRY(const bool there, tree::exists(place.parent.get(), place.name));
  if (there) return in_the_way(destination);

  const std::string staged = staging_name();
  if (::mkdirat(staging_fd(), staged.c_str(), 0700) != 0) {
    return fail_errno("make a directory for the copy", errno);
  }
  auto done = [&]() -> Result<void> {
    HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(staging_fd(), staged));
    return clone_into(fd.get(), source);
  }();
  // Complete and synced before it gets its name: a name never stands for a part.
  if (done &&
      ::renameat(staging_fd(), staged.c_str(), place.parent.get(), place.name.c_str()) != 0) {
    if (errno == EEXIST || errno == ENOTEMPTY) {
      done = in_the_way(destination);
    } else {
      done = fail_errno("name the copy " + destination, errno);
    }
  }
  if (!done) {
    (void)tree::remove_entry(staging_fd(), staged, [](int, const std::string&) { return false; });
    return done.error().code == ErrorCode::volume_full ? no_room(done.error()) : done;
  }
  return tree::sync(place.parent.get(), "a directory");
}

Result<void> CopyVolume::clone_into(int staged_fd, const std::string& source) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), source, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd from, tree::open_directory(place.parent.get(), place.name));
  return tree::copy_tree(from.get(), staged_fd, content_);
}

Result<ByteCount> CopyVolume::usage(const std::string& path) {
  HOWDAH_TRY(const tree::Place place, tree::find_place(root_fd(), path, tree::Missing::refused));
  HOWDAH_TRY(const os::UniqueFd fd, tree::open_directory(place.parent.get(), place.name));
  return tree::allocated_bytes(fd.get());
}

Result<std::vector<std::string>> CopyVolume::check() {
  return std::vector<std::string>();
}

Result<void> CopyVolume::close() {
  close_descriptors();
  return {};
}

}  // namespace howdah::volume
