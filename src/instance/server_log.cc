// SPDX-License-Identifier: Apache-2.0
#include "instance/server_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace howdah::instance {
namespace {

constexpr std::size_t kTailBytes = 2048;
constexpr std::size_t kTailLines = 10;

// Shorter than asked when the file ends.
Result<std::string> read_range(const os::UniqueFd& file, ByteCount from, std::size_t size) {
  std::string text(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t got =
        ::pread(file.get(), text.data() + filled, size - filled, static_cast<off_t>(from + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno("read a server log", errno);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  text.resize(filled);
  return text;
}

}  // namespace

ByteCount log_size(const os::Path& log) {
  struct stat info{};
  return ::lstat(log.c_str(), &info) == 0 ? static_cast<ByteCount>(info.st_size) : 0;
}

std::string last_log_lines(const os::Path& log, ByteCount from_bytes) {
  const ByteCount size = log_size(log);
  if (size <= from_bytes) return {};
  const ByteCount begin = std::max(from_bytes, size - std::min<ByteCount>(size, kTailBytes));
  const auto file = os::open_file(log, O_RDONLY | O_NOFOLLOW);
  if (!file) return {};
  auto text = read_range(*file, begin, static_cast<std::size_t>(size - begin));
  if (!text) return {};
  // A tail that begins in the middle of a line loses that line.
  if (begin > from_bytes) text->erase(0, text->find('\n') + 1);
  while (!text->empty() && text->back() == '\n') text->pop_back();
  for (char& byte : *text) {
    if (byte != '\n' && static_cast<unsigned char>(byte) < 0x20) byte = ' ';
    if (byte == 0x7f) byte = ' ';
  }
  std::size_t lines = 1;
  for (std::size_t at = text->size(); at > 0; --at) {
    if ((*text)[at - 1] == '\n' && ++lines > kTailLines) return text->substr(at);
  }
  return *text;
}

Result<void> limit_log(const os::Path& log, ByteCount size_max) {
  const ByteCount size = log_size(log);
  if (size <= size_max) return {};
  HOWDAH_TRY(const os::UniqueFd file, os::open_file(log, O_RDWR | O_NOFOLLOW));
  HOWDAH_TRY(const std::string tail,
             read_range(file, size - size_max, static_cast<std::size_t>(size_max)));
  HOWDAH_CHECK(os::write_file_atomic(log.string() + ".1", tail, 0640));
  if (::ftruncate(file.get(), 0) != 0) return fail_errno("empty " + log.string(), errno);
  return {};
}

}  // namespace howdah::instance
