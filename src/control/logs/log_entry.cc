// SPDX-License-Identifier: Apache-2.0
// The format is that of log_line_prefix in instance/config_files.cc:
//   2026-01-02 03:04:05.678 UTC [4711] 42P01 client backend\tpsql\tuser_x\ttenant_x\tERROR:  text
// with none of the three names for background processes. Lines after the first begin with a tab;
// DETAIL, HINT and so on come with the same prefix.
#include "control/logs/log_entry.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "model/log_secrets.h"

namespace howdah::control {
namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 12> kLevels{{
    {"DEBUG", LogLevel::debug},
    {"DEBUG1", LogLevel::debug},
    {"DEBUG2", LogLevel::debug},
    {"DEBUG3", LogLevel::debug},
    {"DEBUG4", LogLevel::debug},
    {"INFO", LogLevel::info},
    {"NOTICE", LogLevel::notice},
    {"LOG", LogLevel::log},
    {"WARNING", LogLevel::warning},
    {"ERROR", LogLevel::error},
    {"FATAL", LogLevel::fatal},
    {"PANIC", LogLevel::panic},
}};
constexpr std::array<std::string_view, 7> kParts{"DETAIL", "HINT",      "CONTEXT", "STATEMENT",
                                                 "QUERY",  "BACKTRACE", "LOCATION"};
constexpr std::array<std::string_view, 8> kLevelNames{"debug",   "info",  "notice", "log",
                                                      "warning", "error", "fatal",  "panic"};
constexpr std::size_t kTimeSize = 23;  // "2026-01-02 03:04:05.678"

struct Line {
  std::string_view prefix;  // before the severity; empty: the line goes on with the one before
  std::string_view kind;    // "ERROR", "DETAIL"
  std::string_view text;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool begins_with_time(std::string_view line) {
  constexpr std::string_view kShape = "0000-00-00 00:00:00.000";
  if (line.size() < kTimeSize + 2) return false;
  for (std::size_t i = 0; i < kTimeSize; ++i) {
    if (kShape[i] == '0' ? !is_digit(line[i]) : line[i] != kShape[i]) return false;
  }
  return line[kTimeSize] == ' ';
}

bool is_part(std::string_view kind) {
  return std::ranges::find(kParts, kind) != kParts.end();
}

// The length of a known word with ":  " behind it; 0: none is there.
std::size_t kind_at(std::string_view text) {
  const std::size_t colon = text.substr(0, 12).find(":  ");
  if (colon == text.npos) return 0;
  const std::string_view word = text.substr(0, colon);
  const bool known = is_part(word) || std::ranges::any_of(kLevels, [&](const auto& level) {
                       return level.first == word;
                     });
  return known ? colon : 0;
}

Line read_line(std::string_view line) {
  // Beyond this no prefix ends: three names of 64 bytes, at most four times as long.
  constexpr std::size_t kPrefixMax = 1'024;
  if (!begins_with_time(line)) return {{}, {}, line.starts_with('\t') ? line.substr(1) : line};
  const std::string_view head = line.substr(0, kPrefixMax);
  for (std::size_t at = kTimeSize; at < head.size(); ++at) {
    const char before = head[at - 1];
    if (before != '\t' && before != ' ') continue;
    if (const std::size_t size = kind_at(line.substr(at)); size > 0) {
      return {line.substr(0, at), line.substr(at, size), line.substr(at + size + 3)};
    }
  }
  return {{}, {}, line};
}

// Calls seen with each line, without its line break, and where it begins.
template <typename Seen>
void for_each_line(std::string_view text, Seen seen) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    seen(text.substr(at, end - at), at);
    at = end + 1;
  }
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

// What stands between the time and the severity.
void read_prefix(std::string_view prefix, LogEntry& entry) {
  std::string time(prefix.substr(0, kTimeSize));
  time[10] = 'T';
  entry.at = parse_rfc3339(time + "Z");
  const std::size_t bracket = prefix.find('[');
  if (bracket == prefix.npos) return;
  prefix.remove_prefix(bracket + 1);
  const std::string_view pid = take_until(prefix, ']');
  std::from_chars(pid.data(), pid.data() + pid.size(), entry.pid);
  if (prefix.find('\t') == prefix.npos) return;  // written with an older prefix
  if (prefix.starts_with(' ')) prefix.remove_prefix(1);
  entry.sqlstate = printable_utf8(take_until(prefix, ' '));
  entry.backend_type = printable_utf8(take_until(prefix, '\t'));
  if (prefix.empty()) return;
  entry.application_name = printable_utf8(take_until(prefix, '\t'));
  entry.user = printable_utf8(take_until(prefix, '\t'));
  if (prefix.ends_with('\t')) prefix.remove_suffix(1);
  entry.database = printable_utf8(prefix);
}

std::string* part_of(LogEntry& entry, std::string_view kind) {
  if (kind == "DETAIL") return &entry.detail;
  if (kind == "HINT") return &entry.hint;
  if (kind == "CONTEXT") return &entry.context;
  if (kind == "STATEMENT" || kind == "QUERY") return &entry.statement;
  if (kind == "BACKTRACE" || kind == "LOCATION") return nullptr;
  return &entry.message;
}

void add_line(std::string& part, std::string_view line, LogEntry& entry, bool first) {
  if (!first && part.size() < kLogTextMax) part += '\n';
  const std::size_t room = kLogTextMax - std::min(kLogTextMax, part.size());
  if (line.size() > room) entry.truncated = true;
  part.append(line.substr(0, room));
}

// PostgreSQL writes where in a statement an error is behind the message; as its own field, the
// message is the one that the client got. A tenant's RAISE may end so too, which harms nobody.
void take_position(LogEntry& entry) {
  constexpr std::string_view kBefore = " at character ";
  const std::size_t at = entry.message.rfind(kBefore);
  if (!entry.at || at == std::string::npos) return;
  const std::string_view digits = std::string_view(entry.message).substr(at + kBefore.size());
  std::uint32_t position = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, position);
  if (error != std::errc{} || stop != end || position == 0) return;
  entry.position = position;
  entry.message.resize(at);
}

// Only ends were cut off, so a password without its end is one to the end.
void mask(LogEntry& entry) {
  entry.message = printable_utf8(mask_log_secrets(std::move(entry.message)));
  entry.detail = printable_utf8(mask_log_secrets(std::move(entry.detail)));
  entry.hint = printable_utf8(mask_log_secrets(std::move(entry.hint)));
  entry.context = printable_utf8(mask_sql_secrets(std::move(entry.context)));
  entry.statement = printable_utf8(mask_sql_secrets(std::move(entry.statement)));
  // With log_statement, the message is the statement.
  if (entry.message.starts_with("statement: ") || entry.message.starts_with("execute ") ||
      entry.message.starts_with("duration: ")) {
    entry.message = mask_sql_secrets(std::move(entry.message));
  }
}

}  // namespace

std::string_view to_string(LogLevel level) {
  return kLevelNames.at(static_cast<std::size_t>(level));
}

std::optional<LogLevel> parse_log_level(std::string_view text) {
  const auto found = std::ranges::find(kLevelNames, text);
  if (found == kLevelNames.end()) return std::nullopt;
  return static_cast<LogLevel>(found - kLevelNames.begin());
}

std::vector<std::size_t> log_entry_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  for_each_line(text, [&](std::string_view line, std::size_t at) {
    const Line read = read_line(line);
    if (!read.prefix.empty() && !is_part(read.kind)) starts.push_back(at);
  });
  return starts;
}

LogEntry read_log_entry(std::string_view text, std::uint64_t begin) {
  LogEntry entry;
  entry.begin = begin;
  entry.end = begin + text.size();
  std::string* part = &entry.message;
  for_each_line(text, [&](std::string_view line, std::size_t at) {
    const Line read = read_line(line);
    if (!read.prefix.empty()) {
      part = part_of(entry, read.kind);
      if (!is_part(read.kind)) {
        read_prefix(read.prefix, entry);
        const auto level =
            std::ranges::find(kLevels, read.kind, &decltype(kLevels)::value_type::first);
        entry.level = level->second;
      }
    }
    if (part != nullptr) add_line(*part, read.text, entry, at == 0 || !read.prefix.empty());
  });
  take_position(entry);
  mask(entry);
  return entry;
}

json::object to_json(const LogEntry& entry) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
  };
  return {{"at", entry.at ? json::value(to_rfc3339(*entry.at)) : json::value(nullptr)},
          {"level", to_string(entry.level)},
          {"pid", entry.pid == 0 ? json::value(nullptr) : json::value(entry.pid)},
          {"backend_type", or_null(entry.backend_type)},
          {"user", or_null(entry.user)},
          {"database", or_null(entry.database)},
          {"application_name", or_null(entry.application_name)},
          {"sqlstate", entry.sqlstate == "00000" ? json::value(nullptr) : or_null(entry.sqlstate)},
          {"message", entry.message},
          {"detail", or_null(entry.detail)},
          {"hint", or_null(entry.hint)},
          {"context", or_null(entry.context)},
          {"statement", or_null(entry.statement)},
          {"position", entry.position == 0 ? json::value(nullptr) : json::value(entry.position)},
          {"truncated", entry.truncated}};
}

}  // namespace howdah::control
