// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace howdah {

using ByteCount = std::uint64_t;

constexpr ByteCount operator""_KiB(unsigned long long n) {
  return n << 10;
}
constexpr ByteCount operator""_MiB(unsigned long long n) {
  return n << 20;
}
constexpr ByteCount operator""_GiB(unsigned long long n) {
  return n << 30;
}

// As pg_size_pretty prints it: "8192 bytes", "7453 kB", "12 MB" (units of 1024, switched at 10240).
std::string to_pretty(ByteCount size);

}  // namespace howdah
