// SPDX-License-Identifier: Apache-2.0
// The value of each setting and where it comes from. Precedence: flag, environment, the .howdah
// file found upward, the user's file, the machine's file, the default.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings/settings.h"
#include "os/file.h"

namespace howdah::cli {

enum class Origin { flag, environment, context_file, user_file, system_file, fallback };

struct SettingValue {
  std::string text;  // empty: unset
  Origin origin = Origin::fallback;
  std::string place;  // "--http-port", "HOWDAH_HTTP_PORT", "/etc/howdah/howdah.toml:3", "default"
};

using Environment = std::function<std::optional<std::string>(std::string_view)>;
// The process's own.
std::optional<std::string> environment_value(std::string_view name);

struct ConfigurationSources {
  std::map<std::string, std::string, std::less<>> flags;  // by setting name; valid values
  Environment environment = environment_value;
  bool older_variables = false;  // take Setting::older_variable too
  os::Path context_file;         // of each: empty or missing: none
  os::Path user_file;
  os::Path system_file;
};

class Configuration {
 public:
  // All defaults.
  Configuration();
  // Reads the files, at most 64 KiB each. A path in a file is taken from the file's folder.
  // Errors: config_invalid with FILE:LINE or the variable's name, and what to do.
  static Result<Configuration> load(const ConfigurationSources& sources);

  // name: one of the table.
  const SettingValue& value(std::string_view name) const;
  const std::string& text(std::string_view name) const { return value(name).text; }
  bool flag(std::string_view name) const { return is_true(text(name)); }
  std::int64_t integer(std::string_view name) const { return to_integer(text(name)); }

  // What `howdah up` should say of variables that have no meaning here, one line each.
  static std::vector<std::string> foreign_notes(const Environment& environment);

 private:
  Result<void> take_file(const os::Path& file, Origin origin);
  Result<void> take_environment(const ConfigurationSources& sources);

  std::map<std::string_view, SettingValue> values_;
};

// ~/.config/howdah/howdah.toml (XDG_CONFIG_HOME is respected); empty without a home.
os::Path user_config_file();
// /etc/howdah/howdah.toml, or what HOWDAH_SYSTEM_CONFIG names.
os::Path system_config_file();

}  // namespace howdah::cli
