// SPDX-License-Identifier: Apache-2.0
// What is going on, on standard error: one line that is rewritten on a terminal, plain lines with
// the time a step took elsewhere. Steps under two seconds leave nothing behind.
#pragma once
#include <chrono>
#include <string>

namespace howdah::cli {

class Progress {
 public:
  explicit Progress(bool enabled);
  void step(std::string what);
  void done();

 private:
  bool enabled_;
  bool terminal_;
  std::string current_;
  std::chrono::steady_clock::time_point begun_;
};

}  // namespace howdah::cli
