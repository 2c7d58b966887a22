// SPDX-License-Identifier: Apache-2.0
#include "volume/ballast.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace howdah::volume {

ByteCount ballast_size(ByteCount volume_size_bytes) {
  const ByteCount size = std::clamp(volume_size_bytes / 100, 64_MiB, 1_GiB);
  const ByteCount bounded = std::min(size, volume_size_bytes / 10);
  return bounded - bounded % 1_MiB;
}

ByteCount Ballast::size() const {
  struct stat info{};
  if (::lstat(file_.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return 0;
  return std::min(static_cast<ByteCount>(info.st_size),
                  static_cast<ByteCount>(info.st_blocks) * 512);
}

Result<void> Ballast::resize(ByteCount bytes) {
  const ByteCount now = size();
  if (bytes == now) return {};
  HOWDAH_TRY(const os::UniqueFd fd,
             os::open_file(file_, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY, 0600));
  if (bytes > now) {
    // Never written: the kernel keeps the blocks, and nothing is copied on write.
    if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) == 0) return {};
    return fail_errno("allocate the ballast " + file_.string(), errno);
  }
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) == 0) return {};
  return fail_errno("shorten the ballast " + file_.string(), errno);
}

}  // namespace howdah::volume
