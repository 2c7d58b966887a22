// SPDX-License-Identifier: Apache-2.0
// Reading and writing the protocol's fields: big-endian integers, strings that end with NUL.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace howdah::pgwire::detail {

inline void put_u32(std::string& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}
inline void put_cstring(std::string& out, std::string_view text) {
  out += text;
  out += '\0';
}

// Takes fields off the front of a view; every read says whether it was there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view rest() const { return rest_; }
  bool at_end() const { return rest_.empty(); }

  std::optional<std::uint32_t> u32() {
    if (rest_.size() < 4) return std::nullopt;
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
      value = (value << 8) | static_cast<unsigned char>(rest_[static_cast<std::size_t>(i)]);
    }
    rest_.remove_prefix(4);
    return value;
  }
  std::optional<char> byte() {
    if (rest_.empty()) return std::nullopt;
    const char value = rest_.front();
    rest_.remove_prefix(1);
    return value;
  }
  std::optional<std::string_view> bytes(std::size_t size) {
    if (rest_.size() < size) return std::nullopt;
    const std::string_view value = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return value;
  }
  std::optional<std::string_view> cstring() {
    const std::size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view value = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return value;
  }

 private:
  std::string_view rest_;
};

}  // namespace howdah::pgwire::detail
