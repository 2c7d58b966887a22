// SPDX-License-Identifier: Apache-2.0
// A key of the ring as text for paper: 32 bytes and a 24-bit checksum are 280 bits, exactly 56
// characters of base32. Crockford's alphabet has no I, L, O, U, so what is misread is put right.
#include <fmt/format.h>

#include "crypto/hash.h"
#include "crypto/keyring.h"

namespace howdah::crypto {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view kPrefix = "HR1";
constexpr std::size_t kKeySize = 32;
constexpr std::size_t kChecksumSize = 3;
constexpr std::size_t kCharacters = (kKeySize + kChecksumSize) * 8 / 5;
constexpr std::size_t kGroupSize = 4;

std::string checksum_of(std::string_view key) {
  return sha256("howdah recovery key" + std::string(key)).substr(0, kChecksumSize);
}

std::unexpected<Error> mistyped(std::string why) {
  return fail(ErrorCode::invalid_request, "this is not a recovery key: " + why,
              "type it as it was printed: HR1- and 14 groups of 4 characters");
}

// Upper case, without separators, look-alikes replaced.
std::string normalise(std::string_view text) {
  std::string clean;
  for (const char c : text) {
    if (c == '-' || c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    clean += upper == 'O' ? '0' : upper == 'I' || upper == 'L' ? '1' : upper;
  }
  return clean;
}

Result<std::string> decode(std::string_view text) {
  std::string clean = normalise(text);
  if (!clean.starts_with(kPrefix)) return mistyped("it does not begin with HR1");
  clean.erase(0, kPrefix.size());
  if (clean.size() != kCharacters) {
    return mistyped(
        fmt::format("it has {} characters after HR1, not {}", clean.size(), kCharacters));
  }
  std::string bytes;
  unsigned bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < clean.size(); ++i) {
    const std::size_t value = kAlphabet.find(clean[i]);
    if (value == std::string_view::npos) {
      return mistyped(
          fmt::format("group {} has a character that never occurs", i / kGroupSize + 1));
    }
    bits = (bits << 5) | static_cast<unsigned>(value);
    count += 5;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 0xFF);
    }
  }
  std::string key = bytes.substr(0, kKeySize);
  if (checksum_of(key) != bytes.substr(kKeySize)) return mistyped("a character is wrong");
  wipe(bytes);
  wipe(clean);
  return key;
}

}  // namespace

std::string KeyRing::recovery_key() const {
  const std::string& secret = find(current_)->secret;
  std::string bytes = secret + checksum_of(secret);
  std::string text(kPrefix);
  unsigned bits = 0;
  int count = 0;
  std::size_t written = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    for (count += 8; count >= 5; count -= 5) {
      if (written++ % kGroupSize == 0) text += '-';
      text += kAlphabet[(bits >> (count - 5)) & 31];
    }
  }
  wipe(bytes);
  return text;
}

Result<KeyRing> KeyRing::from_recovery_key(std::string_view text) {
  HOWDAH_TRY(std::string secret, decode(text));
  KeyRing ring;
  ring.current_ = ring.add(std::move(secret));
  return ring;
}

Result<std::string> KeyRing::import_recovery_key(std::string_view text) {
  HOWDAH_TRY(std::string secret, decode(text));
  return add(std::move(secret));
}

}  // namespace howdah::crypto
