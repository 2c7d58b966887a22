// SPDX-License-Identifier: Apache-2.0
// howdah config show|get|set, howdah link.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"
#include "cli/settings/config_file.h"
#include "cli/settings/context_file.h"
#include "cli/settings/git_ignore.h"
#include "cli/shell/nearest.h"

namespace howdah::cli {
namespace {

constexpr std::string_view kHidden = "***";

struct ConfigOptions {
  bool origin = false;
  std::string name;
  std::string value;
  bool user = false;
  bool system = false;
  bool context_file = false;
};

std::string shown(const Setting& setting, const SettingValue& value) {
  return setting.secret && !value.text.empty() ? std::string(kHidden) : value.text;
}

Result<const Setting*> setting_of(const std::string& name) {
  if (const Setting* setting = find_setting(name)) return setting;
  const std::string meant = nearest(name, setting_names());
  return fail(ErrorCode::invalid_request, fmt::format("there is no setting '{}'", name),
              meant.empty() ? "see: howdah config show" : fmt::format("did you mean '{}'?", meant));
}

Result<int> show_config(Context& context, const ConfigOptions& options) {
  boost::json::array rows;
  boost::json::object object;
  for (const Setting& setting : all_settings()) {
    const SettingValue& value = context.config().value(setting.name);
    const std::string text = shown(setting, value);
    boost::json::object row{{"name", setting.name}};
    row["value"] = text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
    object[setting.name] = row["value"];
    row["origin"] = value.place;
    rows.push_back(row);
  }
  if (context.format() != OutputFormat::table && !options.origin) {
    context.print_object(object);
    return 0;
  }
  std::vector<Column> columns{{"NAME", "name"}, {"VALUE", "value"}};
  if (options.origin) columns.push_back({"ORIGIN", "origin"});
  context.print_rows(rows, columns);
  return 0;
}

Result<int> get_config(Context& context, const ConfigOptions& options) {
  HOWDAH_TRY(const Setting* setting, setting_of(options.name));
  const SettingValue& value = context.config().value(setting->name);
  if (context.format() != OutputFormat::table) {
    context.print_object(
        {{"name", setting->name}, {"value", shown(*setting, value)}, {"origin", value.place}});
    return 0;
  }
  fmt::print("{}\n", shown(*setting, value));
  return 0;
}

// The nearest .howdah, or the one to make here.
Result<os::Path> context_file_here() {
  std::error_code error;
  const os::Path here = std::filesystem::current_path(error);
  if (error) return fail_errno("ask for the current folder", error.value());
  const FoundContextFile found = find_context_file(here);
  return found.file.empty() ? here / kContextFileName : found.file;
}

Result<std::string> read_or_empty(const os::Path& file) {
  auto text = os::read_file(file, 64_KiB);
  if (!text && text.error().code == ErrorCode::not_found) return std::string();
  return text;
}

using Changes = std::vector<std::pair<std::string_view, std::string>>;  // empty: taken out

Result<void> change_file(const os::Path& file, Origin origin, const Changes& changes) {
  HOWDAH_TRY(std::string text, read_or_empty(file));
  bool secret = false;
  for (const auto& [name, value] : changes) {
    const Setting& setting = *find_setting(name);
    if (origin == Origin::context_file && !setting.in_context) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("'{}' has no place in a .howdah file", name), "use --user");
    }
    HOWDAH_TRY(text, edit_config(text, file.string(), setting, value));
  }
  HOWDAH_TRY(const auto entries, parse_config(text, file.string()));
  for (const FileEntry& entry : entries) secret |= entry.setting->secret;
  std::error_code error;
  std::filesystem::create_directories(file.parent_path(), error);
  if (error) return fail_errno("make " + file.parent_path().string(), error.value());
  if (origin != Origin::context_file) {
    return os::write_file_atomic(file, text, secret || origin == Origin::user_file ? 0600 : 0644);
  }
  HOWDAH_CHECK(write_context_file(file, text));
  return ignore_in_git(file);
}

Result<int> set_config(Context& context, const ConfigOptions& options) {
  HOWDAH_TRY(const Setting* setting, setting_of(options.name));
  if (!options.value.empty()) {
    if (const std::string fault = fault_of(*setting, options.value); !fault.empty()) {
      return fail(ErrorCode::invalid_request,
                  setting->secret ? fmt::format("{}: unusable value", setting->name)
                                  : fmt::format("{}: {}", setting->name, fault),
                  std::string(setting->doc));
    }
  }
  os::Path file = user_config_file();
  Origin origin = Origin::user_file;
  if (options.system) file = system_config_file(), origin = Origin::system_file;
  if (options.context_file) {
    HOWDAH_TRY(file, context_file_here());
    origin = Origin::context_file;
  }
  if (file.empty()) {
    return fail(ErrorCode::config_invalid, "there is no home folder", "set HOME, or use --system");
  }
  HOWDAH_CHECK(change_file(file, origin, {{setting->name, options.value}}));
  context.say(fmt::format("{} {} in {}", setting->name,
                          options.value.empty() ? "is not set any more" : "is set", file.string()));
  return 0;
}

struct LinkOptions {
  std::string database;
  std::string branch;
  bool trust = false;
};

Result<int> link(Context& context, const LinkOptions& options) {
  HOWDAH_TRY(const os::Path file, context_file_here());
  if (options.trust) {
    HOWDAH_CHECK(trust_context_file(file));
    context.say(fmt::format("{} counts as it is now.", file.string()));
    return 0;
  }
  HOWDAH_TRY(const auto database, context.find_database(options.database));
  const std::string name(database.at("database_name").as_string());
  Changes changes{{"database", name}, {"branch", options.branch}};
  // What was named for this call is remembered; what comes from elsewhere stays there.
  for (const char* place : {"data-dir", "api-url", "ca-file"}) {
    const SettingValue& value = context.config().value(place);
    if (value.origin > Origin::environment) continue;
    const bool is_path = find_setting(place)->kind == SettingKind::path;
    std::error_code error;
    changes.emplace_back(
        place, is_path ? std::filesystem::absolute(value.text, error).string() : value.text);
  }
  HOWDAH_CHECK(change_file(file, Origin::context_file, changes));
  context.say(fmt::format("{} now means {} ({}) for commands that are given no database.",
                          file.string(), name,
                          std::string_view(database.at("friendly_name").as_string())));
  return 0;
}

void add_link(CLI::App& app, Context& context) {
  auto options = std::make_shared<LinkOptions>();
  CLI::App* command = app.add_subcommand(
      "link", "Remember a database in .howdah, for commands in this folder and below");
  add_database_argument(*command, options->database);
  command->add_option("--branch", options->branch, "Its branch, if it is not main");
  command->add_flag("--trust", options->trust, "Let the .howdah that is here count, as it is now");
  add_example(*command, "howdah link shop");
  command->callback([&context, options] {
    context.needs_configuration = !options->trust;
    context.action = [&context, options] { return link(context, *options); };
  });
}

}  // namespace

void add_configuration_commands(CLI::App& app, Context& context) {
  CLI::App* config = app.add_subcommand("config", "Settings, and where they come from");
  config->require_subcommand(1);
  auto options = std::make_shared<ConfigOptions>();
  const auto add = [&](const char* name, const char* help, auto run) {
    CLI::App* command = config->add_subcommand(name, help);
    command->callback([&context, options, run] {
      context.sources.older_variables = true;
      context.action = [&context, options, run] { return run(context, *options); };
    });
    return command;
  };
  CLI::App* show = add("show", "Show all settings", show_config);
  show->add_flag("--origin", options->origin, "And where each comes from");
  add_example(*show, "howdah config show --origin");
  CLI::App* get = add("get", "Show one setting", get_config);
  get->add_option("name", options->name, "Of the setting")->required()->type_name("NAME");
  add_example(*get, "howdah config get http-port");
  CLI::App* set = add("set", "Write a setting to a file; an empty value takes it out", set_config);
  set->add_option("name", options->name, "Of the setting")->required()->type_name("NAME");
  set->add_option("value", options->value, "Its value")->required()->type_name("VALUE");
  CLI::Option* user = set->add_flag("--user", options->user, "Your own file (the default)");
  CLI::Option* system = set->add_flag("--system", options->system, "The file of this machine");
  CLI::Option* here = set->add_flag("--context", options->context_file, "The .howdah file");
  system->excludes(user)->excludes(here);
  here->excludes(user);
  add_example(*set, "howdah config set http-port 3001");
  add_link(app, context);
}

}  // namespace howdah::cli
