// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "cli/style.h"

namespace howdah::cli {
namespace {

// Text from a server must not steer the terminal.
std::string printable(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    safe += control ? '?' : c;
  }
  return safe;
}

std::string cell(const boost::json::value* value) {
  if (value == nullptr || value->is_null()) return "-";
  if (value->is_string()) return printable(value->get_string());
  if (value->is_bool()) return value->get_bool() ? "yes" : "no";
  return boost::json::serialize(*value);
}

// Columns of a terminal: code points, which is right for all but wide East Asian text.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, width_of(text)), ' ');
}

constexpr std::size_t kGap = 2;
constexpr std::size_t kColumnWidthMin = 8;

std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths(lines.front().size());
  for (const auto& cells : lines) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(cells[i]));
    }
  }
  return widths;
}

// Takes from the widest column, again and again, until all fit or none has more than the minimum.
std::vector<std::size_t> fitted(std::vector<std::size_t> widths, std::size_t limit) {
  if (limit == 0 || widths.empty()) return widths;
  std::size_t total = kGap * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  while (total > limit) {
    const auto widest = std::ranges::max_element(widths);
    if (*widest <= kColumnWidthMin) break;
    --*widest;
    --total;
  }
  return widths;
}

// The text in at most width columns of the terminal.
std::string cut(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  std::string kept;
  std::size_t columns = 0;
  for (const char c : text) {
    const bool begins = (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    if (begins && ++columns == width) break;
    kept += c;
  }
  return kept + "\u2026";
}

void emit(YAML::Emitter& out, const boost::json::value& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& field : value.get_object()) {
      out << YAML::Key << std::string(field.key()) << YAML::Value;
      emit(out, field.value());
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const auto& item : value.get_array()) emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    out << YAML::DoubleQuoted << std::string(value.get_string()) << YAML::Auto;
  } else if (value.is_null()) {
    out << YAML::Null;
  } else if (value.is_bool()) {
    out << value.get_bool();
  } else {
    out << boost::json::serialize(value);
  }
}

}  // namespace

std::string to_table(const boost::json::array& rows, const std::vector<Column>& columns,
                     std::size_t width) {
  std::vector<std::vector<std::string>> lines{{}};
  for (const Column& column : columns) lines.front().push_back(column.heading);
  for (const auto& row : rows) {
    lines.emplace_back();
    for (const Column& column : columns) {
      lines.back().push_back(cell(row.as_object().if_contains(column.field)));
    }
  }
  const auto widths = fitted(widths_of(lines), width);
  std::string text;
  for (const auto& cells : lines) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool last = i + 1 == cells.size();
      const std::string shown = cut(cells[i], widths[i]);
      line += last ? shown : padded(shown, widths[i] + kGap);
    }
    text += (&cells == &lines.front() ? style::dim(line) : line) + "\n";
  }
  return text;
}

std::string to_fields(const boost::json::object& object) {
  std::size_t width = 0;
  for (const auto& field : object) width = std::max(width, width_of(field.key()));
  std::string text;
  for (const auto& field : object) {
    text += style::dim(padded(std::string(field.key()), width + 2)) + cell(&field.value()) + "\n";
  }
  return text;
}

std::string to_yaml(const boost::json::value& value) {
  YAML::Emitter out;
  emit(out, value);
  return out.c_str();
}

}  // namespace howdah::cli
