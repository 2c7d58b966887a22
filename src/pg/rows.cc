// SPDX-License-Identifier: Apache-2.0
// Values on their way to and from the server, in text format.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "pg/connection.h"

namespace howdah::pg {

Value param(std::int64_t number) {
  return std::to_string(number);
}
Value param(int number) {
  return std::to_string(number);
}
Value param(bool value) {
  return std::string(value ? "t" : "f");
}
Value param(Timestamp time) {
  return to_rfc3339(time);
}

Value bytes_param(std::string_view bytes) {
  std::string text = "\\x";
  text.reserve(2 + bytes.size() * 2);
  for (const char c : bytes) {
    fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(c));
  }
  return text;
}

Rows::Rows(std::vector<std::string> columns, std::vector<std::vector<Value>> cells,
           std::int64_t affected)
    : columns_(std::move(columns)), cells_(std::move(cells)), affected_(affected) {}

std::size_t Rows::index_of(std::string_view column) const {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == column) return i;
  }
  std::fprintf(stderr, "no column '%s' in the result\n", std::string(column).c_str());
  std::abort();
}

const Value& Rows::value(std::size_t row, std::string_view column) const {
  return cells_.at(row)[index_of(column)];
}

std::string Rows::text(std::size_t row, std::string_view column) const {
  return value(row, column).value_or("");
}

std::int64_t Rows::integer(std::size_t row, std::string_view column) const {
  const Value& cell = value(row, column);
  std::int64_t number = 0;
  if (cell) std::from_chars(cell->data(), cell->data() + cell->size(), number);
  return number;
}

bool Rows::boolean(std::size_t row, std::string_view column) const {
  const Value& cell = value(row, column);
  return cell && *cell == "t";
}

// The session runs in UTC with ISO dates: "2026-01-02 03:04:05.678901+00".
std::optional<Timestamp> Rows::time(std::size_t row, std::string_view column) const {
  const Value& cell = value(row, column);
  constexpr std::string_view kUtc = "+00";
  if (!cell || cell->size() < 19 + kUtc.size() || !cell->ends_with(kUtc)) return std::nullopt;
  std::string text = cell->substr(0, cell->size() - kUtc.size()) + "Z";
  text[10] = 'T';
  return parse_rfc3339(text);
}

std::string Rows::bytes(std::size_t row, std::string_view column) const {
  const Value& cell = value(row, column);
  std::string bytes;
  if (!cell || !cell->starts_with("\\x")) return bytes;
  bytes.reserve(cell->size() / 2);
  for (std::size_t i = 2; i + 1 < cell->size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(cell->data() + i, cell->data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  return bytes;
}

}  // namespace howdah::pg
