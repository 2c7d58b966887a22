// SPDX-License-Identifier: Apache-2.0
#include "node/owner.h"

#include <fcntl.h>
#include <fts.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace howdah::node {

Result<void> give_to_user(const os::Path& path, os::UserIds user) {
  std::string root = path.string();
  char* roots[] = {root.data(), nullptr};
  FTS* walk = ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, nullptr);
  if (walk == nullptr) return fail_errno("walk " + root, errno);
  int failure = 0;
  while (const FTSENT* entry = ::fts_read(walk)) {
    if (entry->fts_info == FTS_DP) continue;
    if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR || entry->fts_info == FTS_NS) {
      failure = entry->fts_errno;
    } else if ((entry->fts_statp->st_uid != user.uid || entry->fts_statp->st_gid != user.gid) &&
               ::lchown(entry->fts_accpath, user.uid, user.gid) != 0) {
      failure = errno;
    }
    if (failure != 0) break;
  }
  ::fts_close(walk);
  if (failure != 0) return fail_errno("chown the files of " + root, failure);
  return {};
}

Result<uid_t> owner_of(const os::Path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail_errno("look at " + path.string(), errno);
  return info.st_uid;
}

Result<void> sync_file_system(const os::Path& path) {
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(path, O_RDONLY | O_DIRECTORY));
  if (::syncfs(fd.get()) != 0) return fail_errno("sync the file system of " + path.string(), errno);
  return {};
}

}  // namespace howdah::node
