// SPDX-License-Identifier: Apache-2.0
#include "instance/detail/tenant_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace howdah::instance::detail {

Result<os::UniqueFd> open_tenant_file(const os::Path& directory, const std::string& name,
                                      int flags) {
  const std::string what = fmt::format("open {}/{}", directory.string(), name);
  HOWDAH_TRY(const os::UniqueFd root, os::open_file(directory, O_PATH | O_DIRECTORY));
  open_how how{};
  how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  os::UniqueFd file(
      static_cast<int>(::syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof how)));
  if (!file) return fail_errno(what, errno);
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fail_errno(what, errno);
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::io_error, what + ": not a regular file");
  return file;
}

Result<std::string> read_tenant_file(const os::Path& directory, const std::string& name,
                                     ByteCount size_max) {
  HOWDAH_TRY(const os::UniqueFd file, open_tenant_file(directory, name, O_RDONLY));
  std::string content;
  std::array<char, 8192> buffer{};
  while (content.size() <= size_max) {
    const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail_errno("read " + name, errno);
    if (size == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return fail(ErrorCode::too_large, fmt::format("{} has more than {}", name, to_pretty(size_max)));
}

}  // namespace howdah::instance::detail
