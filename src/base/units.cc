// SPDX-License-Identifier: Apache-2.0
#include "base/units.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

namespace howdah {

std::string to_pretty(ByteCount size) {
  constexpr ByteCount kSwitch = 10 * 1024;
  if (size < kSwitch) return fmt::format("{} bytes", size);
  constexpr std::array<std::string_view, 5> kUnits{"kB", "MB", "GB", "TB", "PB"};
  // PostgreSQL keeps one spare bit for rounding: halves go up.
  ByteCount doubled = size >> 9;
  std::size_t unit = 0;
  while ((doubled + 1) / 2 >= kSwitch && unit + 1 < kUnits.size()) {
    doubled >>= 10;
    ++unit;
  }
  return fmt::format("{} {}", (doubled + 1) / 2, kUnits[unit]);
}

}  // namespace howdah
