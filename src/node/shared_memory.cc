// SPDX-License-Identifier: Apache-2.0
#include "node/shared_memory.h"

#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "os/file.h"

namespace howdah::node {
namespace {

constexpr const char* kPosixFolder = "/dev/shm";

Result<void> remove_segments(uid_t uid) {
  shm_info usage{};
  const int last = ::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&usage));
  if (last < 0) return fail_errno("list the shared memory segments", errno);
  for (int index = 0; index <= last; ++index) {
    shmid_ds segment{};
    const int id = ::shmctl(index, SHM_STAT, &segment);
    // Indexes have gaps, and a segment may go while we look.
    if (id < 0 || segment.shm_perm.uid != uid || segment.shm_nattch != 0) continue;
    if (::shmctl(id, IPC_RMID, nullptr) != 0 && errno != EINVAL && errno != EIDRM) {
      return fail_errno("remove a shared memory segment", errno);
    }
  }
  return {};
}

Result<void> remove_files(uid_t uid) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kPosixFolder, error)) {
    struct stat info{};
    if (::lstat(entry.path().c_str(), &info) != 0 || info.st_uid != uid) continue;
    if (!S_ISREG(info.st_mode)) continue;
    if (::unlink(entry.path().c_str()) != 0 && errno != ENOENT) {
      return fail_errno("remove " + entry.path().string(), errno);
    }
  }
  return {};
}

}  // namespace

std::set<uid_t> shared_memory_owners() {
  std::set<uid_t> owners;
  shm_info usage{};
  const int last = ::shmctl(0, SHM_INFO, reinterpret_cast<shmid_ds*>(&usage));
  for (int index = 0; index <= last; ++index) {
    shmid_ds segment{};
    const int id = ::shmctl(index, SHM_STAT, &segment);
    if (id >= 0 && segment.shm_nattch == 0) owners.insert(segment.shm_perm.uid);
  }
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kPosixFolder, ignored)) {
    struct stat info{};
    const bool looked = ::lstat(entry.path().c_str(), &info) == 0;
    if (looked && S_ISREG(info.st_mode)) owners.insert(info.st_uid);
  }
  return owners;
}

Result<void> remove_shared_memory(uid_t uid) {
  HOWDAH_CHECK(remove_segments(uid));
  return remove_files(uid);
}

}  // namespace howdah::node
