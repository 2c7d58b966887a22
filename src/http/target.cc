// SPDX-License-Identifier: Apache-2.0
#include "http/target.h"

#include <cstdint>

namespace howdah::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the UTF-8 sequence at the front of text; 0 when there is none (RFC 3629).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool beyond = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || beyond ? 0 : size;
}

bool is_clean_text(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_sequence(text);
    if (size == 0) return false;
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x20 || first == 0x7f) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::unexpected<Error> bad_target(std::string what) {
  return fail(ErrorCode::invalid_request, "the request target " + std::move(what));
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_target("has a '%' that two hex digits do not follow");
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_clean_text(decoded)) {
    return bad_target("decodes to control characters or to text that is not UTF-8");
  }
  return decoded;
}

Result<std::string> decode_path(std::string_view text) {
  std::string path;
  path.reserve(text.size());
  while (!text.empty()) {
    text.remove_prefix(1);  // the slash
    const std::size_t end = text.find('/');
    HOWDAH_TRY(const std::string segment, decode(text.substr(0, end), false));
    if (segment == "." || segment == "..") return bad_target("has a '.' or '..' segment");
    if (segment.find('/') != std::string::npos) return bad_target("has an encoded slash");
    path += '/';
    path += segment;
    text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
  return path;
}

Result<Query> decode_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    if (query.size() == kQueryParametersMax) return bad_target("has too many parameters");
    const std::size_t equals = pair.find('=');
    HOWDAH_TRY(std::string name, decode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      HOWDAH_TRY(value, decode(pair.substr(equals + 1), true));
    }
    query.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

void encode_to(std::string& out, std::string_view text, std::string_view also_plain) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       also_plain.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return bad_target("does not begin with '/'");
    text.remove_prefix(scheme + 3);
    const std::size_t path = text.find_first_of("/?");
    text = path == std::string_view::npos ? std::string_view("/") : text.substr(path);
    if (text.starts_with('?')) return bad_target("has no path");
  }
  if (text.find('#') != std::string_view::npos) return bad_target("has a fragment");
  const std::size_t mark = text.find('?');
  Target target;
  HOWDAH_TRY(target.path, decode_path(text.substr(0, mark)));
  if (mark != std::string_view::npos) {
    HOWDAH_TRY(target.query, decode_query(text.substr(mark + 1)));
  }
  return target;
}

std::string format_target(std::string_view path, const Query& query) {
  std::string text;
  encode_to(text, path, "/-._~:@");
  char separator = '?';
  for (const auto& [name, value] : query) {
    text += std::exchange(separator, '&');
    encode_to(text, name, "-._~");
    text += '=';
    encode_to(text, value, "-._~");
  }
  return text;
}

}  // namespace howdah::http
