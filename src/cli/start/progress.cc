// SPDX-License-Identifier: Apache-2.0
#include "cli/start/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace howdah::cli {

Progress::Progress(bool enabled) : enabled_(enabled), terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::step(std::string what) {
  done();
  current_ = std::move(what);
  begun_ = std::chrono::steady_clock::now();
  if (!enabled_) return;
  if (terminal_) {
    fmt::print(stderr, "\r\033[K  {} ...", current_);
  } else {
    fmt::print(stderr, "  {} ...\n", current_);
  }
  std::fflush(stderr);
}

void Progress::done() {
  if (current_.empty()) return;
  const auto took = std::chrono::steady_clock::now() - begun_;
  const double seconds = std::chrono::duration<double>(took).count();
  if (enabled_ && terminal_) fmt::print(stderr, "\r\033[K");
  if (enabled_ && seconds >= 2) fmt::print(stderr, "  {}: {:.1f} s\n", current_, seconds);
  std::fflush(stderr);
  current_.clear();
}

}  // namespace howdah::cli
