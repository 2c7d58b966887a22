// SPDX-License-Identifier: Apache-2.0
// The `.env` files that frameworks read. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace howdah::cli {

struct Assignment {
  std::string name;
  std::string value;
};

// The "NAME=value" lines of a text, quotes taken off. Lines that are none are passed over; a value
// in quotes may go over several lines.
std::vector<Assignment> parse_env(std::string_view text);

// The existing text with these assignments: each takes the place of its first line, further lines
// of its name go, new names come at the end. Everything else stays byte for byte.
// Errors: invalid_request for a value that the readers of such files understand differently
// (quotes, $, backslash, control characters).
Result<std::string> merge_env(std::string_view existing, const std::vector<Assignment>& wanted);

}  // namespace howdah::cli
