// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/config_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/shell/nearest.h"

// The library as header, in this file only: nothing more to load when the program starts.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wconversion"
#pragma clang diagnostic ignored "-Wshadow"
#include <toml++/toml.h>
#pragma clang diagnostic pop

namespace howdah::cli {
namespace {

std::unexpected<Error> wrong(const std::string& file, std::size_t line, const std::string& what,
                             std::string hint) {
  return fail(ErrorCode::config_invalid, fmt::format("{}:{}: {}", file, line, what),
              std::move(hint));
}

std::size_t line_of(const toml::source_region& source) {
  return static_cast<std::size_t>(source.begin.line);
}

Result<std::string> text_of(const toml::node& node, const Setting& setting) {
  if (const auto* text = node.as_string()) return std::string(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return std::string(truth->get() ? "true" : "false");
  return fail(ErrorCode::config_invalid,
              fmt::format("'{}' must be a text, a whole number, true or false", setting.name));
}

Result<FileEntry> read_entry(const std::string& file, const toml::key& key,
                             const toml::node& node) {
  const std::size_t line = line_of(key.source());
  const std::string name(key.str());
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    const std::string meant = nearest(name, setting_names());
    return wrong(file, line, fmt::format("there is no setting '{}'", name),
                 meant.empty() ? "see the names: howdah config show"
                               : fmt::format("did you mean '{}'?", meant));
  }
  auto text = text_of(node, *setting);
  if (!text) return wrong(file, line, text.error().message, "such as: howdah config show");
  if (const std::string fault = fault_of(*setting, *text); !fault.empty()) {
    return wrong(file, line, fmt::format("{}: {}", setting->name, fault),
                 std::string(setting->doc));
  }
  return FileEntry{setting, std::move(*text), line};
}

// As TOML writes a value of this kind.
std::string literal(const Setting& setting, std::string_view value) {
  using enum SettingKind;
  if (setting.kind == port || setting.kind == integer) return std::string(value);
  if (setting.kind == boolean) return is_true(value) ? "true" : "false";
  std::string quoted = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += fmt::format("\\{}", c);
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace

Result<std::vector<FileEntry>> parse_config(std::string_view text, const std::string& file) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return wrong(file, line_of(error.source()), std::string(error.description()),
                 "one 'name = value' a line; texts in \"quotes\"");
  }
  std::vector<FileEntry> entries;
  for (const auto& [key, node] : parsed.table()) {
    HOWDAH_TRY(FileEntry entry, read_entry(file, key, node));
    const auto twice =
        std::ranges::find(entries, entry.setting, [](const FileEntry& e) { return e.setting; });
    if (twice != entries.end()) {
      return wrong(file, std::max(entry.line, twice->line),
                   fmt::format("'{}' is given twice", entry.setting->name), "keep one of the two");
    }
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &FileEntry::line);
  return entries;
}

Result<std::string> edit_config(std::string_view text, const std::string& file,
                                const Setting& setting, std::string_view value) {
  HOWDAH_TRY(const auto entries, parse_config(text, file));
  std::string line;
  if (!value.empty()) line = fmt::format("{} = {}\n", setting.name, literal(setting, value));
  const auto old =
      std::ranges::find(entries, &setting, [](const FileEntry& e) { return e.setting; });
  std::string edited(text);
  if (old == entries.end()) {
    if (!edited.empty() && !edited.ends_with('\n')) edited += '\n';
    return edited + line;
  }
  std::size_t begin = 0;
  for (std::size_t i = 1; i < old->line; ++i) begin = edited.find('\n', begin) + 1;
  const std::size_t end = std::min(edited.size(), edited.find('\n', begin));
  edited.replace(begin, std::min(edited.size(), end + 1) - begin, line);
  // What is left must mean what was meant: a value over several lines is no setting of ours.
  if (const auto again = parse_config(edited, file); !again) {
    return fail(ErrorCode::unsupported,
                fmt::format("{}:{}: the value goes over several lines", file, old->line),
                "write it in one line first");
  }
  return edited;
}

}  // namespace howdah::cli
