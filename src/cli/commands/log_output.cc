// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/log_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cli/style.h"

namespace howdah::cli {
namespace {

constexpr ByteCount kReadMax = 1_MiB;
constexpr std::array<std::string_view, 8> kLevels{"debug",   "info",  "notice", "log",
                                                  "warning", "error", "fatal",  "panic"};

std::size_t rank_of(std::string_view level) {
  return static_cast<std::size_t>(std::ranges::find(kLevels, level) - kLevels.begin());
}

std::string text_of(const boost::json::object& entry, std::string_view field) {
  const auto* value = entry.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// Without control characters: a terminal must not obey what a tenant logged.
std::string printable(std::string text) {
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = ' ';
  }
  return text;
}

std::string coloured(const std::string& level) {
  const std::string padded = fmt::format("{:<7}", level);
  const std::size_t rank = rank_of(level);
  if (rank >= rank_of("error")) return style::red(padded);
  if (level == "warning") return style::yellow(padded);
  return level == "debug" ? style::dim(padded) : padded;
}

bool contains(std::string_view text, std::string_view wanted) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !std::ranges::search(text, wanted, {}, lower, lower).empty() || wanted.empty();
}

std::string level_name(std::string_view word) {
  if (word == "DEBUG") return "debug";
  if (word == "WARN") return "warning";
  return word == "ERROR" ? "error" : "info";
}

// "2026-01-02T03:04:05.678Z WARN  gate: text"; anything else belongs to nobody.
boost::json::object entry_of(std::string_view line, const std::string& daemon) {
  constexpr std::size_t kTimeSize = 24;
  constexpr std::size_t kLevelSize = 5;
  const auto at = parse_rfc3339(line.substr(0, kTimeSize));
  if (!at || line.size() < kTimeSize + kLevelSize + 2) {
    return {{"at", nullptr}, {"level", "info"}, {"daemon", daemon}, {"message", line}};
  }
  std::string_view word = line.substr(kTimeSize + 1, kLevelSize);
  word = word.substr(0, word.find(' '));
  return {{"at", to_rfc3339(*at)},
          {"level", level_name(word)},
          {"daemon", daemon},
          {"message", line.substr(kTimeSize + kLevelSize + 2)}};
}

bool admits(const DaemonLogFilter& filter, const boost::json::object& entry) {
  if (rank_of(text_of(entry, "level")) < rank_of(filter.level)) return false;
  const auto at = parse_rfc3339(text_of(entry, "at"));
  if (filter.since && (!at || *at < *filter.since)) return false;
  return contains(text_of(entry, "message"), filter.search);
}

}  // namespace

std::string log_line(const boost::json::object& entry) {
  std::string who = text_of(entry, "daemon");
  if (who.empty() && !text_of(entry, "user").empty()) {
    who = text_of(entry, "user") + "@" + text_of(entry, "database");
  }
  if (who.empty()) who = text_of(entry, "backend_type");
  std::string line = fmt::format(
      "{} {} {}{}", style::dim(text_of(entry, "at")), coloured(text_of(entry, "level")),
      who.empty() ? "" : style::bold(printable(who)) + ": ", printable(text_of(entry, "message")));
  for (const char* part : {"detail", "hint", "context", "statement"}) {
    const std::string text = text_of(entry, part);
    if (!text.empty()) line += fmt::format("\n    {}: {}", style::dim(part), printable(text));
  }
  return line;
}

Result<Timestamp> parse_since(std::string_view text, Timestamp at) {
  if (const auto time = parse_rfc3339(text)) return *time;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  constexpr std::int64_t kNumberMax = 1'000'000;
  if (error == std::errc{} && number >= 0 && number <= kNumberMax) {
    if (unit == "s") return at - std::chrono::seconds(number);
    if (unit == "m") return at - std::chrono::minutes(number);
    if (unit == "h") return at - std::chrono::hours(number);
    if (unit == "d") return at - std::chrono::days(number);
  }
  return fail(ErrorCode::invalid_request, fmt::format("'{}' is not a time", text),
              "use 45s, 10m, 2h, 3d, or 2026-01-02T03:04:05Z");
}

Result<std::vector<boost::json::object>> DaemonLog::next(const DaemonLogFilter& filter) {
  std::vector<boost::json::object> entries;
  const auto file = os::open_file(path_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().code == ErrorCode::not_found) return entries;
  if (!file) return std::unexpected(file.error());
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return fail_errno("look at " + path_.string(), errno);
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const bool first = inode_ == 0;
  if (inode_ != info.st_ino || size < position_) position_ = 0;
  inode_ = info.st_ino;
  const bool skipped = size - position_ > kReadMax;
  if (skipped) position_ = size - kReadMax;
  std::string text(static_cast<std::size_t>(size - position_), '\0');
  const ssize_t got = ::pread(file->get(), text.data(), text.size(), static_cast<off_t>(position_));
  if (got < 0) return fail_errno("read " + path_.string(), errno);
  text.resize(static_cast<std::size_t>(got));
  std::size_t begin = skipped && first ? std::min(text.find('\n'), text.size() - 1) + 1 : 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1) {
    auto entry = entry_of(std::string_view(text).substr(begin, end - begin), name_);
    if (admits(filter, entry)) entries.push_back(std::move(entry));
  }
  position_ += begin;  // a line is read once it is whole
  return entries;
}

}  // namespace howdah::cli
