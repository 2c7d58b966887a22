// SPDX-License-Identifier: Apache-2.0
// Wall-clock time as the API shows it. Durations are measured with std::chrono::steady_clock.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace howdah {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

Timestamp now();
// RFC 3339, UTC, milliseconds and Z: "2026-01-02T03:04:05.678Z".
std::string to_rfc3339(Timestamp time);
// Accepts what to_rfc3339 makes, with 0 to 9 fraction digits. Empty: not such a text.
std::optional<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace howdah
