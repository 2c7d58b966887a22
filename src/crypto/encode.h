// SPDX-License-Identifier: Apache-2.0
// Bytes as text and back. Decoding is strict: one text for each byte string, so a sealed value or
// a proof cannot be altered without being noticed. Encoding secrets is not constant-time.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace howdah::crypto {

std::string to_hex(std::string_view bytes);  // lower case
// Either case. Empty result: odd length or another character.
std::optional<std::string> from_hex(std::string_view text);

std::string to_base64(std::string_view bytes);  // RFC 4648 section 4, padded
// Refuses missing padding, white space, and bits set behind the last byte.
std::optional<std::string> from_base64(std::string_view text);

std::string to_base64url(std::string_view bytes);                  // RFC 4648 section 5, not padded
std::optional<std::string> from_base64url(std::string_view text);  // padding is refused

}  // namespace howdah::crypto
