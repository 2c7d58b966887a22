// SPDX-License-Identifier: Apache-2.0
#include "cli/style.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace howdah::cli::style {
namespace {

std::string paint(std::string_view code, std::string_view text) {
  static const bool coloured = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return coloured ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace

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
