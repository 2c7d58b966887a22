// SPDX-License-Identifier: Apache-2.0
#include "os/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fts.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <thread>

namespace howdah::os {
namespace {

Result<void> write_all(int fd, std::string_view content, const Path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("write " + path.string(), errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

Result<UniqueFd> open_file(const Path& path, int flags, mode_t mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return fail_errno("open " + path.string(), errno);
  return fd;
}

Result<std::string> read_file(const Path& path, ByteCount size_max) {
  HOWDAH_TRY(const UniqueFd fd, open_file(path, O_RDONLY));
  std::string content;
  char buffer[16384];
  while (true) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("read " + path.string(), errno);
    if (size == 0) return content;
    content.append(buffer, static_cast<std::size_t>(size));
    if (content.size() > size_max) {
      return fail(ErrorCode::too_large,
                  fmt::format("{} has more than {}", path.string(), to_pretty(size_max)));
    }
  }
}

Result<void> write_file_atomic(const Path& path, std::string_view content, mode_t mode) {
  const Path temporary = path.string() + ".new";
  {
    HOWDAH_TRY(const UniqueFd fd, open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
    if (::fchmod(fd.get(), mode) != 0) return fail_errno("chmod " + temporary.string(), errno);
    HOWDAH_CHECK(write_all(fd.get(), content, temporary));
    if (::fsync(fd.get()) != 0) return fail_errno("sync " + temporary.string(), errno);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail_errno("rename " + temporary.string(), errno);
  }
  return sync_directory(path.parent_path());
}

Result<void> sync_directory(const Path& path) {
  HOWDAH_TRY(const UniqueFd fd, open_file(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return fail_errno("sync " + path.string(), errno);
  return {};
}

Result<void> make_directory(const Path& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return fail_errno("make directory " + path.string(), errno);
  }
  if (::chmod(path.c_str(), mode) != 0) return fail_errno("chmod " + path.string(), errno);
  return {};
}

Result<void> remove_tree(const Path& path) {
  // A process that is still ending may remove and make files in it meanwhile, for a moment.
  constexpr std::chrono::seconds kLimit{5};
  constexpr std::chrono::milliseconds kPause{5};
  const auto give_up = std::chrono::steady_clock::now() + kLimit;
  while (true) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (!error) return {};
    const bool disturbed =
        error == std::errc::no_such_file_or_directory || error == std::errc::directory_not_empty;
    if (!disturbed || std::chrono::steady_clock::now() > give_up) {
      return fail_errno("remove " + path.string(), error.value());
    }
    std::this_thread::sleep_for(kPause);
  }
}

Result<void> change_owner(const Path& path, uid_t uid, gid_t gid) {
  if (::lchown(path.c_str(), uid, gid) != 0) return fail_errno("chown " + path.string(), errno);
  return {};
}

Result<void> change_owner_tree(const Path& path, uid_t uid, gid_t gid) {
  std::string root = path.string();
  char* roots[] = {root.data(), nullptr};
  FTS* walk = ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, nullptr);
  if (walk == nullptr) return fail_errno("walk " + root, errno);
  int failure = 0;
  while (const FTSENT* entry = ::fts_read(walk)) {
    if (entry->fts_info == FTS_DP) continue;
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR) failure = entry->fts_errno;
    if (::lchown(entry->fts_path, uid, gid) != 0) failure = errno;
    if (failure != 0) break;
  }
  ::fts_close(walk);
  if (failure != 0) return fail_errno("chown the files of " + root, failure);
  return {};
}

Result<std::optional<UniqueFd>> try_lock(const Path& path) {
  HOWDAH_TRY(UniqueFd fd, open_file(path, O_RDWR | O_CREAT));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(fd));
  if (errno == EWOULDBLOCK) return std::optional<UniqueFd>();
  return fail_errno("lock " + path.string(), errno);
}

Result<UniqueFd> wait_for_lock(const Path& path, std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kPollInterval{20};
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (true) {
    HOWDAH_TRY(auto locked, try_lock(path));
    if (locked) return *std::move(locked);
    if (std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::timeout, path.string() + " is locked by another process");
    }
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<DiskSpace> disk_space(const Path& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return fail_errno("statvfs " + path.string(), errno);
  return DiskSpace{info.f_blocks * info.f_frsize, info.f_bavail * info.f_frsize};
}

}  // namespace howdah::os
