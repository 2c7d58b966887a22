// SPDX-License-Identifier: Apache-2.0
// Files, with durability spelled out. All functions block: daemons call them through net::offload
// where the file may be large.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/units.h"

namespace howdah::os {

using Path = std::filesystem::path;

// Owns a file descriptor.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// flags as in open(2); O_CLOEXEC is always added.
Result<UniqueFd> open_file(const Path& path, int flags, mode_t mode = 0600);
// Errors: too_large when the file has more than size_max bytes.
Result<std::string> read_file(const Path& path, ByteCount size_max = 64_MiB);
// Durable and atomic: readers see the old content or the new, also after a power cut.
Result<void> write_file_atomic(const Path& path, std::string_view content, mode_t mode = 0600);
Result<void> sync_directory(const Path& path);
Result<void> make_directory(const Path& path, mode_t mode);  // fine when it exists; sets the mode
// Deletes a tree without following links out of it.
Result<void> remove_tree(const Path& path);
Result<void> change_owner(const Path& path, uid_t uid, gid_t gid);
// Every entry of the tree, links themselves and never their targets.
Result<void> change_owner_tree(const Path& path, uid_t uid, gid_t gid);

// An exclusive flock(2), held until the returned descriptor and all its copies are closed.
// Empty: someone else holds it. The file is made when missing and never deleted.
Result<std::optional<UniqueFd>> try_lock(const Path& path);
// Waits for it. Errors: timeout.
Result<UniqueFd> wait_for_lock(const Path& path, std::chrono::milliseconds limit);

struct DiskSpace {
  ByteCount size_bytes;
  ByteCount free_bytes;  // for an unprivileged user
};
Result<DiskSpace> disk_space(const Path& path);

}  // namespace howdah::os
