// SPDX-License-Identifier: Apache-2.0
// `howdah up`: a whole Howdah in the foreground, until SIGTERM or Ctrl-C.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::cli {

struct UpOptions {
  os::Path data_directory;
  std::string listen;              // addresses with commas between; empty: see plan_listening()
  std::uint16_t http_port = 3000;  // 0 of each: a free one
  std::uint16_t direct_port = 5432;
  std::uint16_t pooled_port = 6432;
  bool pooled = true;  // whether the pooled port is open
  std::string public_host;
  std::string domain;
  std::string email;
  std::vector<std::string> postgres_directories;  // beside those of the system's packages
  std::string volume_driver = "auto";
  std::string volume_size;  // bytes; empty: the default
  std::string size_class;
  std::string sandbox = "auto";
  std::string rate_limit;  // of howdahd: "writes=100:2000,..."; empty: its defaults
  int spares = -1;         // -1: the node's default
  std::string preset_key;  // the first API key, chosen by the user; empty: none
  bool sample = true;      // make a sample database at the first start
  bool quiet = false;
};

// Returns: the exit code of the program. Serves until it is told to stop.
Result<int> run_up(UpOptions options);

}  // namespace howdah::cli
