// SPDX-License-Identifier: Apache-2.0
#include "cli/settings/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace howdah::cli {
namespace {

using enum SettingKind;
using enum SettingUse;

constexpr std::int64_t kBytesMax = std::numeric_limits<std::int64_t>::max();

constexpr std::array kSettings{
    Setting{.name = "data-dir",
            .variable = "HOWDAH_DATA_DIR",
            .kind = path,
            .use = everywhere,
            .doc = "The data folder of the Howdah to talk to or start",
            .in_context = true},
    Setting{.name = "api-url",
            .variable = "HOWDAH_API_URL",
            .kind = url,
            .use = everywhere,
            .doc = "The API of a Howdah on another machine, instead of the local one",
            .in_context = true},
    Setting{.name = "api-key",
            .variable = "HOWDAH_API_KEY",
            .older_variable = "API_KEY",
            .kind = SettingKind::text,
            .use = file,
            .doc = "The key for --api-url; for 'howdah up', the first key",
            .secret = true},
    Setting{.name = "ca-file",
            .variable = "HOWDAH_CA_FILE",
            .kind = path,
            .use = everywhere,
            .doc = "The CA certificate that --api-url is checked with; else the system's",
            .in_context = true},
    Setting{.name = "output",
            .variable = "HOWDAH_OUTPUT",
            .kind = choice,
            .use = everywhere,
            .fallback = "table",
            .doc = "How data is printed",
            .choices = "table|json|yaml",
            .short_flag = "-o",
            .in_context = true},
    Setting{.name = "quiet",
            .variable = "HOWDAH_QUIET",
            .kind = boolean,
            .use = everywhere,
            .fallback = "false",
            .doc = "Data only, no talk",
            .short_flag = "-q"},
    Setting{.name = "no-input",
            .variable = "HOWDAH_NO_INPUT",
            .kind = boolean,
            .use = everywhere,
            .fallback = "false",
            .doc = "Never ask"},
    Setting{.name = "database",
            .variable = "HOWDAH_DATABASE",
            .kind = SettingKind::text,
            .use = file,
            .doc = "The database of commands that are given none",
            .in_context = true},
    Setting{.name = "branch",
            .variable = "HOWDAH_BRANCH",
            .kind = SettingKind::text,
            .use = file,
            .doc = "The branch of commands that are given none",
            .in_context = true},
    Setting{.name = "listen",
            .variable = "HOWDAH_LISTEN",
            .kind = SettingKind::text,
            .use = up,
            .doc = "Address to listen on; else this machine only"},
    Setting{.name = "http-port",
            .variable = "HOWDAH_HTTP_PORT",
            .older_variable = "PORT",
            .kind = port,
            .use = up,
            .fallback = "3000",
            .doc = "Port of the API; 0 of each port: a free one"},
    Setting{.name = "direct-port",
            .variable = "HOWDAH_DIRECT_PORT",
            .older_variable = "DB_PORT",
            .kind = port,
            .use = up,
            .fallback = "5432",
            .doc = "Port of Postgres, one server connection a client"},
    Setting{.name = "pooled-port",
            .variable = "HOWDAH_POOLED_PORT",
            .older_variable = "DB_PGBOUNCER_PORT",
            .kind = port,
            .use = up,
            .fallback = "6432",
            .doc = "Port of Postgres, pooled"},
    Setting{.name = "pooled",
            .variable = "HOWDAH_POOLED",
            .older_variable = "DB_PGBOUNCER_ENABLED",
            .kind = boolean,
            .use = up,
            .fallback = "true",
            .doc = "Open the pooled port"},
    Setting{.name = "public-host",
            .variable = "HOWDAH_PUBLIC_HOST",
            .older_variable = "DB_HOST",
            .kind = SettingKind::text,
            .use = up,
            .doc = "Host name in connection strings and in the certificate"},
    Setting{.name = "domain",
            .variable = "HOWDAH_DOMAIN",
            .kind = SettingKind::text,
            .use = up,
            .doc = "Domain of this machine; with --email: opens it"},
    Setting{.name = "email",
            .variable = "HOWDAH_EMAIL",
            .kind = SettingKind::text,
            .use = up,
            .doc = "Who is told about the domain's certificate"},
    Setting{.name = "rate-limit",
            .variable = "HOWDAH_RATE_LIMIT",
            .kind = SettingKind::text,
            .use = up,
            .doc = "Calls of one key: writes=100:2000,reads=50000:100000 (per second : at once)"},
    Setting{.name = "postgres-dir",
            .variable = "HOWDAH_POSTGRES_DIR",
            .kind = paths,
            .use = up,
            .doc = "Folder of a PostgreSQL server beside those of packages (may be repeated)"},
    Setting{.name = "volume-driver",
            .variable = "HOWDAH_VOLUME_DRIVER",
            .kind = choice,
            .use = up,
            .fallback = "auto",
            .doc = "How data is copied",
            .choices = "auto|btrfs|reflink|copy"},
    Setting{.name = "volume-size",
            .variable = "HOWDAH_VOLUME_SIZE",
            .kind = integer,
            .use = up,
            .doc = "Bytes of the volume image; else by the free space",
            .min = 1,
            .max = kBytesMax},
    Setting{.name = "size-class",
            .variable = "HOWDAH_SIZE_CLASS",
            .kind = choice,
            .use = up,
            .doc = "Size of new databases; else by the machine's memory",
            .choices = "nano|small|medium|large"},
    Setting{.name = "sandbox",
            .variable = "HOWDAH_SANDBOX",
            .kind = choice,
            .use = up,
            .fallback = "auto",
            .doc = "Walls around each database: those that there are, none, or all or no start",
            .choices = "auto|off|required"},
    Setting{.name = "spares",
            .variable = "HOWDAH_SPARES",
            .kind = integer,
            .use = up,
            .doc = "Databases kept ready",
            .min = 0,
            .max = 50},
    Setting{.name = "sample",
            .variable = "HOWDAH_SAMPLE",
            .kind = boolean,
            .use = up,
            .fallback = "true",
            .doc = "Make a sample database at the first start"},
};

constexpr std::array kForeignVariables{
    ForeignVariable{"DB_USER", "the catalog's login is made by Howdah; databases have their own"},
    ForeignVariable{"DB_PASSWORD", "the catalog needs no password; see 'howdah env pull'"},
    ForeignVariable{"DB_NAME", "the catalog has its own instance; use HOWDAH_DATABASE for yours"},
    ForeignVariable{"DB_SSL", "TLS is always required"},
    ForeignVariable{"PG_ADMIN_USER", "no administrator's login is needed; use an API key"},
    ForeignVariable{"PG_ADMIN_PASSWORD", "no administrator's login is needed; use HOWDAH_API_KEY"},
};

template <typename Integer>
std::optional<Integer> parse_integer(std::string_view text) {
  Integer number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string fault_of_integer(std::string_view text, std::int64_t min, std::int64_t max) {
  const auto number = parse_integer<std::int64_t>(text);
  if (number && *number >= min && *number <= max) return {};
  if (max == kBytesMax) return fmt::format("'{}' is no whole number of {} or more", text, min);
  return fmt::format("'{}' is no whole number from {} to {}", text, min, max);
}

std::string fault_of_choice(const Setting& setting, std::string_view text) {
  const auto allowed = choices_of(setting);
  if (std::ranges::find(allowed, text) != allowed.end()) return {};
  return fmt::format("'{}' is none of {}", text, fmt::join(allowed, ", "));
}

bool is_boolean(std::string_view text) {
  return is_true(text) || text == "false" || text == "no" || text == "off" || text == "0";
}

}  // namespace

std::span<const Setting> all_settings() {
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  const auto same = [](char a, char b) { return a == b || (a == '-' && b == '_'); };
  const auto found = std::ranges::find_if(kSettings, [&](const Setting& setting) {
    return std::ranges::equal(setting.name, name, same);
  });
  return found == kSettings.end() ? nullptr : &*found;
}

std::vector<std::string> setting_names() {
  std::vector<std::string> names;
  for (const Setting& setting : kSettings) names.emplace_back(setting.name);
  return names;
}

std::string fault_of(const Setting& setting, std::string_view text) {
  if (text.find_first_of(std::string_view("\0\n\r", 3)) != std::string_view::npos) {
    return "it has a line break";
  }
  switch (setting.kind) {
    case SettingKind::port:
      return fault_of_integer(text, 0, 65'535);
    case integer:
      return fault_of_integer(text, setting.min, setting.max);
    case boolean:
      return is_boolean(text) ? "" : fmt::format("'{}' is neither true nor false", text);
    case choice:
      return fault_of_choice(setting, text);
    case url:
      return text.starts_with("http://") || text.starts_with("https://")
                 ? ""
                 : fmt::format("'{}' does not start with https:// or http://", text);
    case SettingKind::text:
    case path:
    case paths:
      return text.empty() ? "it is empty" : "";
  }
  return {};
}

bool is_true(std::string_view text) {
  return text == "true" || text == "yes" || text == "on" || text == "1";
}

std::int64_t to_integer(std::string_view text) {
  return parse_integer<std::int64_t>(text).value_or(0);
}

std::vector<std::string> choices_of(const Setting& setting) {
  std::vector<std::string> choices;
  std::string_view rest = setting.choices;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('|'));
    choices.emplace_back(one);
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return choices;
}

std::span<const ForeignVariable> foreign_variables() {
  return kForeignVariables;
}

}  // namespace howdah::cli
