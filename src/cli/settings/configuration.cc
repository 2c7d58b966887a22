// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/configuration.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "cli/settings/config_file.h"

namespace howdah::cli {
namespace {

constexpr ByteCount kFileSizeMax = 64_KiB;

std::string name_of(Origin origin) {
  switch (origin) {
    case Origin::context_file:
      return ".howdah files";
    case Origin::user_file:
    case Origin::system_file:
      return "configuration files";
    default:
      return "this place";
  }
}

// A key in a file that others can read is no secret any more.
Result<void> check_secret(const os::Path& file, const FileEntry& entry, Origin origin) {
  const std::string place = fmt::format("{}:{}", file.string(), entry.line);
  if (origin == Origin::context_file) {
    return fail(ErrorCode::config_invalid,
                fmt::format("{}: {} does not belong there", place, entry.setting->name),
                fmt::format("use {}, or: howdah config set {} VALUE --user",
                            entry.setting->variable, entry.setting->name));
  }
  struct stat info{};
  if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 0077) != 0) {
    return fail(
        ErrorCode::config_invalid,
        fmt::format("{}: the file holds {} and others can read it", place, entry.setting->name),
        "chmod 600 " + file.string());
  }
  return {};
}

}  // namespace

std::optional<std::string> environment_value(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  // An empty variable counts as unset, as in most shells' idioms.
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

Configuration::Configuration() {
  for (const Setting& setting : all_settings()) {
    values_[setting.name] = {std::string(setting.fallback), Origin::fallback, "default"};
  }
}

Result<Configuration> Configuration::load(const ConfigurationSources& sources) {
  Configuration made;
  // From the last to the first: each overwrites what it knows.
  HOWDAH_CHECK(made.take_file(sources.system_file, Origin::system_file));
  HOWDAH_CHECK(made.take_file(sources.user_file, Origin::user_file));
  HOWDAH_CHECK(made.take_file(sources.context_file, Origin::context_file));
  HOWDAH_CHECK(made.take_environment(sources));
  for (const auto& [name, text] : sources.flags) {
    made.values_[find_setting(name)->name] = {text, Origin::flag, "--" + name};
  }
  return made;
}

Result<void> Configuration::take_file(const os::Path& file, Origin origin) {
  struct stat info{};
  // A file that cannot even be looked at is in somebody else's home (HOME kept by su).
  if (file.empty() || (::stat(file.c_str(), &info) != 0 && errno == EACCES)) return {};
  auto text = os::read_file(file, kFileSizeMax);
  if (!text && text.error().code == ErrorCode::not_found) return {};
  if (!text) {
    return fail(ErrorCode::config_invalid,
                fmt::format("cannot read {}: {}", file.string(), text.error().message),
                "check its owner, mode and size");
  }
  HOWDAH_TRY(const auto entries, parse_config(*text, file.string()));
  for (const FileEntry& entry : entries) {
    const Setting& setting = *entry.setting;
    const std::string place = fmt::format("{}:{}", file.string(), entry.line);
    if (setting.secret) HOWDAH_CHECK(check_secret(file, entry, origin));
    if (origin == Origin::context_file && !setting.in_context) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("{}: '{}' has no place in {}", place, setting.name, name_of(origin)),
                  fmt::format("howdah config set {} {} --user", setting.name, entry.text));
    }
    std::string value = entry.text;
    if (setting.kind == SettingKind::path) {
      value = (file.parent_path() / value).lexically_normal().string();
    }
    values_[setting.name] = {std::move(value), origin, place};
  }
  return {};
}

Result<void> Configuration::take_environment(const ConfigurationSources& sources) {
  for (const Setting& setting : all_settings()) {
    std::string_view variable = setting.variable;
    auto text = sources.environment(variable);
    if (!text && sources.older_variables && !setting.older_variable.empty()) {
      variable = setting.older_variable;
      text = sources.environment(variable);
    }
    if (!text) continue;
    if (const std::string fault = fault_of(setting, *text); !fault.empty()) {
      return fail(ErrorCode::config_invalid,
                  setting.secret ? fmt::format("{} is no usable value", variable)
                                 : fmt::format("{}: {}", variable, fault),
                  fmt::format("correct or unset it; it is: {}", setting.doc));
    }
    values_[setting.name] = {std::move(*text), Origin::environment, std::string(variable)};
  }
  return {};
}

const SettingValue& Configuration::value(std::string_view name) const {
  return values_.at(name);
}

std::vector<std::string> Configuration::foreign_notes(const Environment& environment) {
  std::vector<std::string> notes;
  for (const ForeignVariable& foreign : foreign_variables()) {
    const auto value = environment(foreign.name);
    if (!value || (foreign.name == "DB_SSL" && is_true(*value))) continue;
    notes.push_back(fmt::format("{} is ignored: {}", foreign.name, foreign.advice));
  }
  return notes;
}

os::Path user_config_file() {
  if (const auto base = environment_value("XDG_CONFIG_HOME")) {
    return os::Path(*base) / "howdah/howdah.toml";
  }
  const auto home = environment_value("HOME");
  return home ? os::Path(*home) / ".config/howdah/howdah.toml" : os::Path();
}

os::Path system_config_file() {
  return environment_value("HOWDAH_SYSTEM_CONFIG").value_or("/etc/howdah/howdah.toml");
}

}  // namespace howdah::cli
