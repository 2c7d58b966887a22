// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "crypto/detail/openssl.h"
#include "crypto/encode.h"

namespace howdah::crypto {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  // RAND_bytes takes an int.
  constexpr std::size_t kPieceMax = 1 << 20;
  for (std::size_t done = 0; done < count;) {
    const std::size_t piece = std::min(kPieceMax, count - done);
    detail::require(RAND_bytes(detail::bytes_of(bytes) + done, static_cast<int>(piece)) == 1,
                    "make random bytes");
    done += piece;
  }
  return bytes;
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  const std::string bytes = random_bytes(sizeof number);
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

std::string random_text(std::string_view alphabet, std::size_t size) {
  assert(!alphabet.empty() && alphabet.size() <= 256);
  // Bytes at or above the largest multiple of the alphabet's size are thrown away: taking them
  // modulo the size would favour the first characters.
  const std::size_t limit = 256 - 256 % alphabet.size();
  std::string text;
  text.reserve(size);
  while (text.size() < size) {
    for (const char c : random_bytes(size - text.size() + 8)) {
      const std::size_t value = static_cast<unsigned char>(c);
      if (value < limit && text.size() < size) text += alphabet[value % alphabet.size()];
    }
  }
  return text;
}

std::string make_password() {
  return random_text(kPasswordAlphabet, kPasswordSize);
}

std::string make_uuid() {
  std::string bytes = random_bytes(16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  std::string text = to_hex(bytes);
  for (const std::size_t place : {20U, 16U, 12U, 8U}) text.insert(place, 1, '-');
  return text;
}

}  // namespace howdah::crypto
