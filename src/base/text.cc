// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <cstddef>

namespace howdah {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// Bytes of the character that a byte leads; 0: none does.
std::size_t size_of_led_by(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

bool is_allowed_second(unsigned char lead, unsigned char second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second < 0xa0;
  if (lead == 0xf0) return second >= 0x90;
  return lead != 0xf4 || second < 0x90;
}

// Bytes of the valid character at `at`; 0: there is none.
std::size_t character_at(std::string_view text, std::size_t at) {
  const std::size_t size = size_of_led_by(byte_at(text, at));
  if (size == 0 || at + size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte_at(text, at + i) & 0xc0U) != 0x80) return 0;
  }
  if (size > 2 && !is_allowed_second(byte_at(text, at), byte_at(text, at + 1))) return 0;
  return size;
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

}  // namespace

std::string printable_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t size = character_at(text, at);
    if (size == 0) {
      out += kReplacement;
    } else if (is_control(text[at])) {
      out += ' ';
    } else {
      out.append(text, at, size);
    }
    at += size == 0 ? 1 : size;
  }
  return out;
}

}  // namespace howdah
