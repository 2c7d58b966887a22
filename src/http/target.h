// SPDX-License-Identifier: Apache-2.0
// Request targets (the part between method and version), decoded strictly. No I/O.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace howdah::http {

struct Target {
  std::string path;  // decoded
  Query query;       // decoded, in order
};

inline constexpr std::size_t kQueryParametersMax = 100;

// Accepts "/path?query" and "http://host/path?query".
// Errors: invalid_request for bad percent-encoding, text that is not UTF-8, control characters,
// an encoded slash, "." and ".." segments: nothing is repaired, so no two readers can disagree.
Result<Target> parse_target(std::string_view text);
// The reverse: what a client sends.
std::string format_target(std::string_view path, const Query& query);

}  // namespace howdah::http
