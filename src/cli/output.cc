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

std::string to_table(const boost::json::array& rows, const std::vector<Column>& columns) {
  std::vector<std::size_t> widths;
  for (const Column& column : columns) {
    std::size_t width = width_of(column.heading);
    for (const auto& row : rows) {
      width = std::max(width, width_of(cell(row.as_object().if_contains(column.field))));
    }
    widths.push_back(width);
  }
  std::string text;
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    line += padded(columns[i].heading, i + 1 == columns.size() ? 0 : widths[i] + 2);
  }
  text += style::dim(line) + "\n";
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      text += padded(cell(row.as_object().if_contains(columns[i].field)),
                     i + 1 == columns.size() ? 0 : widths[i] + 2);
    }
    text += '\n';
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
