// SPDX-License-Identifier: Apache-2.0
// SHA-256 and what is built on it. Results are 32 raw bytes. Thread-safe.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace howdah::crypto {

inline constexpr std::size_t kSha256Size = 32;

std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);
// iterations: 1 or more. Cost: about 1 ms for 4096; at gates only clients pay it.
std::string pbkdf2_hmac_sha256(std::string_view password, std::string_view salt, int iterations);

// Takes as long for equal as for different values; only a difference in size shows in the time.
bool constant_time_equal(std::string_view a, std::string_view b);

// Overwrites a secret so that it stays in no core file, then empties the string.
void wipe(std::string& secret);

}  // namespace howdah::crypto
