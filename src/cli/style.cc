// SPDX-License-Identifier: Apache-2.0
#include "cli/style.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace howdah::cli::style {
namespace {

// Set to nothing, it does not count (no-color.org).
bool has_no_color() {
  const char* value = std::getenv("NO_COLOR");
  return value != nullptr && *value != '\0';
}

std::string paint(std::string_view code, std::string_view text) {
  static const bool coloured = ::isatty(STDOUT_FILENO) == 1 && !has_no_color();
  return coloured ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace

std::size_t terminal_width() {
  winsize size{};
  if (::isatty(STDOUT_FILENO) != 1) return 0;
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string bold(std::string_view text) {
  return paint("1", text);
}
std::string dim(std::string_view text) {
  return paint("2", text);
}
std::string green(std::string_view text) {
  return paint("32", text);
}
std::string yellow(std::string_view text) {
  return paint("33", text);
}
std::string red(std::string_view text) {
  return paint("31", text);
}

}  // namespace howdah::cli::style
