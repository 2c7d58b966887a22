// SPDX-License-Identifier: Apache-2.0
// The log: one line an event on standard error, written for a person at two in the morning.
// Form: "2026-01-02T03:04:05.678Z WARN  wake: database k3v9x2ab: cannot start, ..."
// Secrets never go in. Thread-safe.
#pragma once
#include <fmt/format.h>

#include <string_view>

namespace howdah::log {

enum class Level { debug, info, warn, error };

// Lines below the level are dropped. Default: info.
void set_level(Level level);
void write(Level level, std::string_view component, std::string_view text);

template <typename... Args>
void debug(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warn(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, component, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(std::string_view component, fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, component, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace howdah::log
