// SPDX-License-Identifier: Apache-2.0
// Lines of logs for people, and the daemons' own log files. The files are read where they are: they
// are of use most of all when nothing answers any more.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "os/file.h"

namespace howdah::cli {

// One line for people: time, level (in its colour), who, what; details below it.
std::string log_line(const boost::json::object& entry);

// "10m", "2h", "3d", "45s" before `at`, or an RFC 3339 time. Errors: invalid_request.
Result<Timestamp> parse_since(std::string_view text, Timestamp at);

struct DaemonLogFilter {
  std::string level = "debug";
  std::optional<Timestamp> since;
  std::string search;  // without regard to case
};

// Reads the log of one daemon: the last part of it, then what is added. Survives that the file is
// replaced or emptied.
class DaemonLog {
 public:
  // name: "howdah-gate", shown with each line.
  DaemonLog(os::Path path, std::string name) : path_(std::move(path)), name_(std::move(name)) {}

  // Entries as the API's: at, level, daemon, message. At most 1 MiB is read.
  // Errors: io_error; a missing file has none.
  Result<std::vector<boost::json::object>> next(const DaemonLogFilter& filter);

 private:
  os::Path path_;
  std::string name_;
  std::uint64_t inode_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace howdah::cli
