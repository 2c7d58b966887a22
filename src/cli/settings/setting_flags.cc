// SPDX-License-Identifier: Apache-2.0
// The settings as flags of commands.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cassert>

#include "cli/context.h"

namespace howdah::cli {
namespace {

std::string type_of(const Setting& setting) {
  switch (setting.kind) {
    case SettingKind::port:
      return "PORT";
    case SettingKind::integer:
      return "N";
    case SettingKind::path:
    case SettingKind::paths:
      return "PATH";
    case SettingKind::url:
      return "URL";
    case SettingKind::choice:
      return fmt::format("{{{}}}", fmt::join(choices_of(setting), ","));
    default:
      return "TEXT";
  }
}

// A switch turns its setting from what it is by default: --quiet, --no-sample.
CLI::Option* add_switch(CLI::App& command, Context& context, const Setting& setting,
                        const std::string& names) {
  const bool turns_on = !is_true(setting.fallback);
  return command.add_flag_callback(
      turns_on ? names : fmt::format("--no-{}", setting.name),
      [&context, &setting, turns_on] {
        context.sources.flags.insert_or_assign(std::string(setting.name),
                                               turns_on ? "true" : "false");
      },
      turns_on ? std::string(setting.doc) : fmt::format("Not: {}", setting.doc));
}

}  // namespace

CLI::Option* add_setting(CLI::App& command, Context& context, std::string_view name) {
  const Setting* setting = find_setting(name);
  assert(setting != nullptr);
  const std::string names = setting->short_flag.empty()
                                ? fmt::format("--{}", setting->name)
                                : fmt::format("{},--{}", setting->short_flag, setting->name);
  if (setting->kind == SettingKind::boolean) return add_switch(command, context, *setting, names);
  const auto take = [&context, setting](const std::string& text) {
    std::string& value = context.sources.flags[std::string(setting->name)];
    const bool more = setting->kind == SettingKind::paths && !value.empty();
    value = more ? value + ':' + text : text;
  };
  const auto check = [setting](std::string& text) { return fault_of(*setting, text); };
  CLI::Option* option =
      command.add_option_function<std::string>(names, take, std::string(setting->doc));
  option->check(CLI::Validator(check, ""))->type_name(type_of(*setting));
  if (setting->kind == SettingKind::paths) {
    option->trigger_on_parse()->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  if (!setting->fallback.empty()) option->default_str(std::string(setting->fallback));
  return option;
}

CLI::Option* add_database_argument(CLI::App& command, std::string& database) {
  return command
      .add_option("database", database,
                  "Name, database name or id; else that of 'howdah link', else the only one")
      ->type_name("DB");
}

}  // namespace howdah::cli
