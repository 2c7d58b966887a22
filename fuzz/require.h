// SPDX-License-Identifier: Apache-2.0
// What a fuzz target says of its input: how to look at it, and what must hold.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <string_view>

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// libFuzzer keeps the input of a run that aborts.
inline void require(bool holds) {
  if (!holds) std::abort();
}
