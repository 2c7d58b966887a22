// SPDX-License-Identifier: Apache-2.0
// Entries of an instance's log, from the node in pieces: backwards from a position, or forwards as
// the log grows. Every call reads a bounded number of bytes, whatever is logged.
// On the loop's thread.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/logs/log_entry.h"
#include "nodeapi/client.h"

namespace howdah::control {

struct LogFilter {
  LogLevel level = LogLevel::debug;  // this and what is more severe
  std::optional<Timestamp> since;
  std::optional<Timestamp> until;
  std::string search;  // in any text of an entry, without regard to case; empty: everything

  bool admits(const LogEntry& entry) const;
};

struct LogPage {
  std::vector<LogEntry> entries;       // oldest first
  std::optional<std::uint64_t> older;  // where earlier ones may be; empty: there are none
};

inline constexpr ByteCount kLogBytesPerCall = 4_MiB;

// The last `limit` entries before a position (empty: the end) that the filter admits; fewer, with
// `older` set, once kLogBytesPerCall were read. Errors: those of nodeapi::Client.
struct LogQuery {
  InstanceId instance;
  LogFilter filter;
  std::optional<std::uint64_t> before;
  std::size_t limit = 100;
};
Task<LogPage> read_log_page(nodeapi::Client& node, LogQuery query);

// What was written since the last call: at most one piece, only whole lines.
class LogFollower {
 public:
  // from: empty: from the log's present end on.
  LogFollower(nodeapi::Client& node, InstanceId instance, std::optional<std::uint64_t> from)
      : node_(node), instance_(std::move(instance)), position_(from) {}

  struct News {
    std::uint64_t lost = 0;  // bytes that were gone before they could be read
    std::vector<LogEntry> entries;
    bool more = false;  // there is more already
  };
  Task<News> next();

 private:
  nodeapi::Client& node_;
  InstanceId instance_;
  std::optional<std::uint64_t> position_;
  bool within_entry_ = false;  // of which the beginning was shown: the rest is left out
};

}  // namespace howdah::control
