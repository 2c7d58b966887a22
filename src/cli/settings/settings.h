// SPDX-License-Identifier: Apache-2.0
// Every setting of Howdah, declared once. Flags, environment variables, keys of configuration
// files, `howdah config show`, man pages and completion all come from this table. Pure.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace howdah::cli {

// paths: folders with colons between; its flag may be repeated.
enum class SettingKind { text, path, paths, url, port, integer, boolean, choice };
// everywhere: a flag of every command. up: of `howdah up` and what starts it. file: no flag.
enum class SettingUse { everywhere, up, file };

struct Setting {
  std::string_view name;                 // "http-port": its key in files and its flag --http-port
  std::string_view variable;             // "HOWDAH_HTTP_PORT"
  std::string_view older_variable = {};  // another name of it that `howdah up` takes; empty: none
  SettingKind kind = SettingKind::text;
  SettingUse use = SettingUse::up;
  std::string_view fallback = {};  // as text; empty: unset, or made from the machine
  std::string_view doc;
  std::string_view choices = {};  // "table|json|yaml"
  std::int64_t min = 0;           // of integers
  std::int64_t max = 0;
  std::string_view short_flag = {};  // "-o"
  bool secret = false;               // never shown
  bool in_context = false;           // may stand in a .howdah file
};

std::span<const Setting> all_settings();
// Underscores count as dashes. nullptr: there is none.
const Setting* find_setting(std::string_view name);
// The settings' names, for suggestions.
std::vector<std::string> setting_names();

// What is wrong with the text as a value of the setting; empty: nothing.
std::string fault_of(const Setting& setting, std::string_view text);
// Of a valid text.
bool is_true(std::string_view text);
std::int64_t to_integer(std::string_view text);
std::vector<std::string> choices_of(const Setting& setting);

// Environment variables of other set-ups that have no meaning here, each with what to use instead.
struct ForeignVariable {
  std::string_view name;
  std::string_view advice;
};
std::span<const ForeignVariable> foreign_variables();

}  // namespace howdah::cli
