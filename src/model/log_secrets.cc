// SPDX-License-Identifier: Apache-2.0
#include "model/log_secrets.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace howdah {
namespace {

constexpr std::string_view kMask = "***";
constexpr std::string_view kSpaces = " \t\r\n\f\v";

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_word(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// word: in lower case.
bool word_at(std::string_view text, std::size_t at, std::string_view word) {
  if (text.size() - at < word.size()) return false;
  return std::equal(word.begin(), word.end(), text.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char left, char right) { return left == lower(right); });
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kSpaces, at), text.size());
}

std::size_t skip_spaces_and_comments(std::string_view text, std::size_t at) {
  while (true) {
    at = skip_spaces(text, at);
    if (text.substr(at).starts_with("--")) {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at).starts_with("/*")) {
      const std::size_t end = text.find("*/", at + 2);
      at = end == text.npos ? text.size() : end + 2;
    } else {
      return at;
    }
  }
}

// Behind the quote that ends what begins at `at` with `quote`; doubled ones are part of it.
std::size_t end_of_quoted(std::string_view text, std::size_t at, char quote, bool backslashes) {
  for (std::size_t i = at + 1; i < text.size(); ++i) {
    if (backslashes && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (i + 1 >= text.size() || text[i + 1] != quote) return i + 1;
      ++i;
    }
  }
  return text.size();
}

// Behind a literal that begins at `at`; `at`: none does. A literal inside a quoted text has its
// quotes doubled.
std::size_t end_of_literal(std::string_view text, std::size_t at) {
  std::size_t quote = at;
  bool backslashes = false;
  if (text.substr(quote).starts_with("U&'") || text.substr(quote).starts_with("u&'")) quote += 2;
  if (quote + 1 < text.size() && lower(text[quote]) == 'e' && text[quote + 1] == '\'') {
    backslashes = true;
    ++quote;
  }
  if (quote >= text.size()) return at;
  if (text.substr(quote).starts_with("''") && quote + 2 < text.size() && is_word(text[quote + 2])) {
    const std::size_t end = text.find("''", quote + 2);
    return end == text.npos ? text.size() : end + 2;
  }
  if (text[quote] == '\'') return end_of_quoted(text, quote, '\'', backslashes);
  if (text[quote] != '$') return at;
  std::size_t tag = quote + 1;
  while (tag < text.size() && is_word(text[tag])) ++tag;
  if (tag >= text.size() || text[tag] != '$') return at;
  const std::string_view delimiter = text.substr(quote, tag + 1 - quote);
  const std::size_t end = text.find(delimiter, tag + 1);
  return end == text.npos ? text.size() : end + delimiter.size();
}

// Literals with only spaces between them, of which one is a line break, are one literal.
std::size_t end_of_literals(std::string_view text, std::size_t at) {
  std::size_t end = end_of_literal(text, at);
  while (end != at && end < text.size()) {
    const std::size_t next = skip_spaces(text, end);
    const bool broken = text.substr(end, next - end).find('\n') != text.npos;
    if (!broken || next >= text.size() || text[next] != '\'') break;
    end = end_of_literal(text, next);
  }
  return end;
}

struct Part {
  std::size_t begin = 0;
  std::size_t end = 0;  // begin: nothing to mask
};

// What follows the word PASSWORD, which ends at `at`.
Part after_password(std::string_view text, std::size_t at) {
  if (at < text.size() && text[at] == '"') ++at;  // a key of JSON
  std::size_t value = skip_spaces_and_comments(text, at);
  const bool assigned = value < text.size() && (text[value] == '=' || text[value] == ':');
  if (assigned) value = skip_spaces(text, text.find_first_not_of("=:", value));
  if (value >= text.size()) return {};
  if (assigned && text[value] == '"') return {value, end_of_quoted(text, value, '"', true)};
  const std::size_t end = end_of_literals(text, value);
  if (end != value) return {value, end};
  if (!assigned || text[value - 1] == ' ') return {};
  return {value, std::min(text.find_first_of(" \t\r\n&'\";,)", value), text.size())};
}

// The password of "scheme://user:password@host"; at: of "://".
Part in_url(std::string_view text, std::size_t at) {
  const std::size_t end = std::min(text.find_first_of(" \t\r\n/?#'\"", at + 3), text.size());
  const std::size_t host = text.substr(0, end).rfind('@');
  if (host == text.npos || host < at + 3) return {};
  const std::size_t colon = text.find(':', at + 3);
  if (colon == text.npos || colon > host) return {};
  return {colon + 1, host};
}

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

Part verifier_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kScram = "scram-sha-256$";
  constexpr std::size_t kMd5Digits = 32;
  if (word_at(text, at, kScram)) {
    return {at, std::min(text.find_first_of(" \t\r\n'\";,)", at), text.size())};
  }
  std::size_t end = at + 3;
  if (!word_at(text, at, "md5")) return {};
  while (end < text.size() && is_hex(text[end])) ++end;
  return end - at == 3 + kMd5Digits ? Part{at, end} : Part{};
}

// 'at or near "..."' where what is quoted begins a literal: text up to the last quote of the line.
Part near_literal(std::string_view text, std::size_t at) {
  constexpr std::string_view kNear = "at or near \"";
  if (!text.substr(at).starts_with(kNear)) return {};
  const std::size_t begin = at + kNear.size();
  const std::string_view rest = text.substr(begin, 3);
  const bool literal = rest.starts_with('\'') || rest.starts_with('$') ||
                       (rest.size() > 1 && rest[1] == '\'') || rest.starts_with("U&'") ||
                       rest.starts_with("u&'");
  if (!literal) return {};
  const std::size_t end = text.rfind('"');
  return {begin, end == text.npos || end < begin ? text.size() : end};
}

Part secret_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kPassword = "password";
  const bool starts_word = at == 0 || !is_word(text[at - 1]);
  switch (lower(text[at])) {
    case 'p':
      if (!word_at(text, at, kPassword)) return {};
      return after_password(text, at + kPassword.size());
    case 's':
    case 'm':
      return starts_word ? verifier_at(text, at) : Part{};
    case ':':
      return text.substr(at).starts_with("://") ? in_url(text, at) : Part{};
    case 'a':
      return near_literal(text, at);
    default:
      return {};
  }
}

}  // namespace

std::string mask_log_secrets(std::string text) {
  std::string masked;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Part part = secret_at(text, at);
    if (part.end <= part.begin) {
      ++at;
      continue;
    }
    masked.append(text, copied, part.begin - copied).append(kMask);
    copied = at = part.end;
  }
  if (copied == 0) return text;
  return masked.append(text, copied);
}

std::string mask_sql_secrets(std::string text) {
  constexpr std::string_view kPassword = "password";
  const auto found = std::search(text.begin(), text.end(), kPassword.begin(), kPassword.end(),
                                 [](char in, char of) { return lower(in) == of; });
  if (found == text.end()) return mask_log_secrets(std::move(text));
  std::string masked;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    const bool starts = at == 0 || !is_word(text[at - 1]) || text[at] == '\'';
    const std::size_t end = starts ? end_of_literal(text, at) : at;
    if (end == at) {
      ++at;
      continue;
    }
    masked.append(text, copied, at - copied).append(kMask);
    copied = at = end;
  }
  return mask_log_secrets(masked.append(text, copied));
}

}  // namespace howdah
