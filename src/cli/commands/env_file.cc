// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/env_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace howdah::cli {
namespace {

// One piece of the text: an assignment with all of its lines, or one other line.
struct Piece {
  std::string_view text;  // with its line ends
  std::string name;       // empty: no assignment
  std::string value;
};

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

bool is_name(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '.' || c == '-';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (is_blank(text.front()) || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Takes the name and "=" off the front of a line. Empty: it is no assignment.
std::string take_name(std::string_view& rest) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (rest.starts_with("export ") || rest.starts_with("export\t")) rest.remove_prefix(7);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  std::string name;
  while (!rest.empty() && is_name(rest.front())) {
    name += rest.front();
    rest.remove_prefix(1);
  }
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  if (name.empty() || !rest.starts_with('=')) return {};
  rest.remove_prefix(1);
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  return name;
}

// Where the quote at the front ends, past escapes. Empty: it never does, so it is no quote.
std::optional<std::size_t> end_of_quote(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text[i] == quote) {
      return i;
    }
  }
  return std::nullopt;
}

// The first piece of the text, which is not empty.
Piece next_piece(std::string_view text) {
  const std::size_t line_end = std::min(text.size(), text.find('\n'));
  Piece piece{text.substr(0, std::min(text.size(), line_end + 1)), {}, {}};
  std::string_view rest = text.substr(0, line_end);
  piece.name = take_name(rest);
  if (piece.name.empty()) return piece;
  piece.value = trimmed(rest.substr(0, rest.find(" #")));
  if (rest.empty() || std::string_view("\"'`").find(rest.front()) == std::string_view::npos) {
    return piece;
  }
  const auto begin = static_cast<std::size_t>(rest.data() - text.data());
  const auto end = end_of_quote(text.substr(begin));
  if (!end) return piece;
  piece.value = text.substr(begin + 1, *end - 1);
  const std::size_t last = text.find('\n', begin + *end);
  piece.text = text.substr(0, last == std::string_view::npos ? text.size() : last + 1);
  return piece;
}

bool is_plain(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    return c > ' ' && c < 0x7f && std::string_view("\"'`$\\").find(c) == std::string_view::npos;
  });
}

}  // namespace

std::vector<Assignment> parse_env(std::string_view text) {
  std::vector<Assignment> found;
  while (!text.empty()) {
    Piece piece = next_piece(text);
    text.remove_prefix(piece.text.size());
    if (!piece.name.empty()) found.push_back({std::move(piece.name), std::move(piece.value)});
  }
  return found;
}

Result<std::string> merge_env(std::string_view existing, const std::vector<Assignment>& wanted) {
  for (const Assignment& one : wanted) {
    if (!is_plain(one.value)) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("the value of {} cannot stand in a .env file", one.name),
                  "copy it from 'howdah db connect' by hand");
    }
  }
  const std::string_view line_end = existing.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
  std::vector<bool> placed(wanted.size());
  std::string merged;
  const auto place = [&](std::size_t i) {
    merged += fmt::format("{}=\"{}\"{}", wanted[i].name, wanted[i].value, line_end);
    placed[i] = true;
  };
  while (!existing.empty()) {
    const Piece piece = next_piece(existing);
    existing.remove_prefix(piece.text.size());
    const auto found = std::ranges::find(wanted, piece.name, &Assignment::name);
    if (found == wanted.end()) {
      merged += piece.text;
      continue;
    }
    const auto i = static_cast<std::size_t>(found - wanted.begin());
    if (!placed[i]) place(i);
  }
  if (!merged.empty() && !merged.ends_with('\n')) merged += line_end;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!placed[i]) place(i);
  }
  return merged;
}

}  // namespace howdah::cli
