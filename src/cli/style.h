// SPDX-License-Identifier: Apache-2.0
// Colours of the terminal, where there is one and NO_COLOR is not set.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::cli::style {

// Columns of the terminal on standard output; 0: it is none.
std::size_t terminal_width();

std::string bold(std::string_view text);
std::string dim(std::string_view text);
std::string green(std::string_view text);
std::string yellow(std::string_view text);
std::string red(std::string_view text);

}  // namespace howdah::cli::style
