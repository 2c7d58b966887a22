// SPDX-License-Identifier: Apache-2.0
// PostgreSQL's log as entries. The text is hostile: a tenant chooses most of it, and may write
// lines that look like PostgreSQL's own (into its own log only). Pure; any thread.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace howdah::control {

namespace json = boost::json;

// In the order of PostgreSQL's own severity in a server's log, where LOG is above ERROR; for people
// LOG is information, so it stands there.
enum class LogLevel { debug, info, notice, log, warning, error, fatal, panic };
std::string_view to_string(LogLevel level);
std::optional<LogLevel> parse_log_level(std::string_view text);

struct LogEntry {
  std::uint64_t begin = 0;  // positions in the log
  std::uint64_t end = 0;
  std::optional<Timestamp> at;  // empty: a line that PostgreSQL did not write
  std::int64_t pid = 0;
  LogLevel level = LogLevel::log;
  std::string sqlstate, backend_type, application_name, user, database;
  std::string message, detail, hint, context, statement;
  std::uint32_t position = 0;  // character of the statement, from 1; 0: the entry names none
  bool truncated = false;  // a part of it had more than kLogTextMax bytes, or its end is not kept
};

inline constexpr std::size_t kLogTextMax = 16 * 1024;  // of each part of an entry

// Where entries begin in text, in order.
std::vector<std::size_t> log_entry_starts(std::string_view text);

// text: of one entry, from its first byte (at position `begin`) to the next one's. What comes
// before the first entry that is kept may be passed too: it becomes an entry without a time.
// Passwords are masked, control characters and what is not UTF-8 are replaced.
LogEntry read_log_entry(std::string_view text, std::uint64_t begin);

json::object to_json(const LogEntry& entry);

}  // namespace howdah::control
