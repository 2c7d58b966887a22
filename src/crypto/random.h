// SPDX-License-Identifier: Apache-2.0
// Random values for secrets and ids, all from OpenSSL's CSPRNG. A generator that fails ends the
// process: to go on with guessable secrets would be worse. Thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace howdah::crypto {

inline constexpr std::string_view kPasswordAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
inline constexpr std::size_t kPasswordSize = 24;

std::string random_bytes(std::size_t count);
std::uint64_t random_number();
// Every character with the same probability (no modulo bias). alphabet: 1 to 256 characters.
std::string random_text(std::string_view alphabet, std::size_t size);
// 24 of A-Z a-z 0-9: 142 bits.
std::string make_password();
// Version 4, lower case: "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b".
std::string make_uuid();

}  // namespace howdah::crypto
