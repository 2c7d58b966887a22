// SPDX-License-Identifier: Apache-2.0
#include "instance/server_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "instance/detail/tenant_file.h"
#include "model/log_secrets.h"

namespace howdah::instance {
namespace {

constexpr std::size_t kTailBytes = 2048;
constexpr std::size_t kTailLines = 10;

// "<log>.1" begins with where the bytes after it ended, so that positions survive a shortening.
constexpr std::string_view kKeptMark = "# log until ";
constexpr std::size_t kKeptDigits = 20;
constexpr std::size_t kKeptHeaderSize = kKeptMark.size() + kKeptDigits + 1;

Result<os::UniqueFd> open_log_file(const os::Path& log, int flags) {
  return detail::open_tenant_file(log.parent_path(), log.filename().string(), flags);
}

os::Path kept_path(const os::Path& log) {
  return log.string() + ".1";
}

Result<ByteCount> size_of(const os::UniqueFd& file) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return fail_errno("look at a server log", errno);
  return static_cast<ByteCount>(info.st_size);
}

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

// What is kept of a log: the file of its earlier bytes, and the one that is written to.
struct Kept {
  std::optional<os::UniqueFd> earlier;  // after its header
  std::optional<os::UniqueFd> current;
  std::uint64_t first = 0;     // of earlier
  std::uint64_t boundary = 0;  // earlier ends, current begins
  std::uint64_t last = 0;
};

Result<std::optional<os::UniqueFd>> open_if_there(const os::Path& log) {
  auto file = open_log_file(log, O_RDONLY);
  if (file) return std::optional(std::move(*file));
  if (file.error().code == ErrorCode::not_found) return std::optional<os::UniqueFd>();
  return std::unexpected(std::move(file).error());
}

Result<Kept> open_kept(const os::Path& log) {
  Kept kept;
  HOWDAH_TRY(kept.earlier, open_if_there(kept_path(log)));
  if (kept.earlier) {
    HOWDAH_TRY(const std::string header, read_range(*kept.earlier, 0, kKeptHeaderSize));
    const char* digits = header.data() + std::min(header.size(), kKeptMark.size());
    const char* end = header.data() + header.size();
    if (header.size() == kKeptHeaderSize && header.starts_with(kKeptMark) &&
        header.back() == '\n' &&
        std::from_chars(digits, end, kept.boundary).ptr == digits + kKeptDigits) {
      HOWDAH_TRY(const ByteCount size, size_of(*kept.earlier));
      kept.first = kept.boundary - std::min<ByteCount>(kept.boundary, size - kKeptHeaderSize);
    } else {
      kept.earlier.reset();  // of a version that knew no positions
    }
  }
  if (!kept.earlier) kept.first = kept.boundary = 0;
  HOWDAH_TRY(kept.current, open_if_there(log));
  kept.last = kept.boundary;
  if (kept.current) {
    HOWDAH_TRY(const ByteCount size, size_of(*kept.current));
    kept.last += size;
  }
  return kept;
}

Result<std::string> read_kept(const Kept& kept, std::uint64_t begin, std::uint64_t end) {
  std::string text;
  if (begin < kept.boundary && kept.earlier) {
    const std::uint64_t stop = std::min(end, kept.boundary);
    HOWDAH_TRY(text, read_range(*kept.earlier, kKeptHeaderSize + (begin - kept.first),
                                static_cast<std::size_t>(stop - begin)));
    if (text.size() < stop - begin) return text;
    begin = stop;
  }
  if (begin < end && kept.current) {
    HOWDAH_TRY(const std::string rest, read_range(*kept.current, begin - kept.boundary,
                                                  static_cast<std::size_t>(end - begin)));
    text += rest;
  }
  return text;
}

// Not durable: a log that a power cut takes is not missed. Replaced in one step, so that whoever
// reads it meanwhile has the old one.
Result<void> replace_kept(const os::Path& path, std::uint64_t until, std::string_view tail) {
  const os::Path temporary = path.string() + ".new";
  (void)::unlink(temporary.c_str());
  HOWDAH_TRY(const os::UniqueFd file,
             os::open_file(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0640));
  std::string content = fmt::format("{}{:0{}}\n", kKeptMark, until, kKeptDigits);
  content += tail;
  std::string_view left = content;
  while (!left.empty()) {
    const ssize_t written = ::write(file.get(), left.data(), left.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fail_errno("write " + temporary.string(), errno);
    left.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail_errno("rename " + temporary.string(), errno);
  }
  return {};
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
  const auto file = open_log_file(log, O_RDONLY);
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
  std::string shown = mask_log_secrets(*std::move(text));
  std::size_t lines = 1;
  for (std::size_t at = shown.size(); at > 0; --at) {
    if (shown[at - 1] == '\n' && ++lines > kTailLines) return shown.substr(at);
  }
  return shown;
}

Result<void> limit_log(const os::Path& log, ByteCount size_max) {
  if (log_size(log) <= size_max) return {};
  HOWDAH_TRY(const os::UniqueFd file, open_log_file(log, O_RDWR));
  HOWDAH_TRY(const Kept kept, open_kept(log));
  HOWDAH_TRY(const ByteCount size, size_of(file));
  HOWDAH_TRY(const std::string tail,
             read_range(file, size - std::min(size, size_max), static_cast<std::size_t>(size_max)));
  auto replaced = replace_kept(kept_path(log), kept.boundary + size, tail);
  // On a full volume the room counts for more than the lines.
  if (!replaced && replaced.error().code != ErrorCode::volume_full) return replaced;
  if (::ftruncate(file.get(), 0) != 0) return fail_errno("empty " + log.string(), errno);
  return {};
}

Result<LogPiece> read_log(const os::Path& log, LogRange range) {
  constexpr int kTries = 3;
  LogPiece piece;
  for (int attempt = 0; attempt < kTries; ++attempt) {
    HOWDAH_TRY(const Kept kept, open_kept(log));
    std::uint64_t begin = std::clamp(range.from.value_or(kept.first), kept.first, kept.last);
    std::uint64_t end = std::clamp(range.before.value_or(kept.last), begin, kept.last);
    if (range.from) {
      end = std::min<std::uint64_t>(end, begin + range.size_max);
    } else {
      begin = std::max(begin, end - std::min<std::uint64_t>(end, range.size_max));
    }
    HOWDAH_TRY(piece.text, read_kept(kept, begin, end));
    piece.begin = begin;
    piece.first = kept.first;
    piece.last = kept.last;
    // Shorter than it was a moment ago: it was shortened in between.
    if (piece.text.size() == end - begin) break;
  }
  return piece;
}

}  // namespace howdah::instance
