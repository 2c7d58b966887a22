// SPDX-License-Identifier: Apache-2.0
// Times in the messages of this module. Private.
#pragma once
#include <optional>

#include "base/clock.h"
#include "base/json.h"

namespace howdah {

inline json::value optional_time(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

inline std::optional<Timestamp> read_time(JsonReader& in, std::string_view name) {
  const auto text = in.optional_string(name, 1, 40);
  if (!text) return std::nullopt;
  const auto time = parse_rfc3339(*text);
  if (!time) in.reject(name, "must be a time such as 2026-01-02T03:04:05.678Z");
  return time;
}

}  // namespace howdah
