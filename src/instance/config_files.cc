// SPDX-License-Identifier: Apache-2.0
#include "instance/config_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace howdah::instance {
namespace {

constexpr std::string_view kHeader =
    "# Written by Howdah before every start: changes made here are lost.\n";

// A value of postgresql.conf: single quotes, with quotes and backslashes doubled; a line break
// would end the entry.
std::string quote_value(std::string_view value) {
  std::string quoted = "'";
  for (const char byte : value) {
    if (byte == '\'' || byte == '\\') quoted += byte;
    if (byte == '\n') {
      quoted += "\\n";
    } else {
      quoted += byte;
    }
  }
  return quoted + "'";
}

bool is_setting_name(std::string_view name) {
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.") == std::string_view::npos;
}

// One entry of a list of directories: double quotes keep commas and spaces.
std::string quote_list_entry(std::string_view value) {
  std::string quoted = "\"";
  for (const char byte : value) {
    if (byte == '"') quoted += byte;
    quoted += byte;
  }
  return quoted + "\"";
}

// A token of pg_ident.conf. Quotes take the special meaning from `all` and '+', but not from '/',
// which begins a regular expression.
Result<std::string> quote_token(std::string_view name) {
  constexpr std::size_t kSizeMax = 63;
  if (name.empty() || name.size() > kSizeMax || name.front() == '/' ||
      name.find_first_of(std::string_view("\0\n\r", 3)) != std::string_view::npos) {
    return fail(ErrorCode::invalid_request, "this role name cannot be allowed to log in", {},
                fmt::format("name of {} bytes", name.size()));
  }
  return quote_list_entry(name);
}

// What every class shares and a user may change.
std::vector<Setting> default_settings(int pg_major) {
  std::vector<Setting> settings{
      {"max_wal_senders", "3"},
      {"max_replication_slots", "3"},
      // Subscriptions need a superuser, and their launcher is a process of 0.5 MB.
      {"max_logical_replication_workers", "0"},
      {"checkpoint_completion_target", "0.9"},  // the default only from 14 on
      {"random_page_cost", "1.1"},
      {"timezone", "UTC"},
      {"default_text_search_config", "pg_catalog.english"},
      // Else each failing statement is written to the log, with the password that it may set.
      {"log_min_error_statement", "panic"},
  };
  if (pg_major >= 15) settings.push_back({"log_checkpoints", "off"});  // as before 15
  return settings;
}

// What the platform rests on: written last, so that nothing before can change it. Durability stays
// as PostgreSQL ships it, said here so that no setting of a user's turns it off.
std::vector<Setting> fixed_settings(const InstancePlace& place, int pg_major) {
  std::vector<Setting> settings{
      {"hba_file", (place.config() / "pg_hba.conf").string()},
      {"ident_file", (place.config() / "pg_ident.conf").string()},
      {"cluster_name", place.directory.filename().string()},
      {"listen_addresses", ""},
      {"port", fmt::format("{}", kPort)},
      {"unix_socket_directories", quote_list_entry(place.socket_directory.string())},
      {"unix_socket_permissions", "0777"},  // the directory and peer authentication guard it
      {"password_encryption", "scram-sha-256"},
      {"superuser_reserved_connections", "3"},
      {"fsync", "on"},
      {"full_page_writes", "on"},
      {"wal_level", "replica"},
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      // What control/logs/log_entry.cc reads. A tab never begins a line that begins a message.
      {"log_line_prefix", "%m [%p] %e %b\t%q%a\t%u\t%d\t"},
      {"log_timezone", "UTC"},
      {"lc_messages", "C"},
  };
  if (pg_major >= 14) {
    // After a crash, one syncfs in place of an fsync for each of a thousand files: 35 ms, not 164.
    settings.push_back({"recovery_init_sync_method", "syncfs"});
    // A statement whose client is gone ends soon, and with it what keeps the instance awake.
    settings.push_back({"client_connection_check_interval", "2s"});
  }
  if (pg_major >= 17) settings.push_back({"allow_alter_system", "off"});
  return settings;
}

// Read-only for the reader's group, replaced in one step. Without sync: a file
// lost in a power cut is written again before the next start.
Result<void> write_one(const os::Path& path, std::string_view content,
                       std::optional<os::UserIds> reader) {
  const os::Path temporary = path.string() + ".new";
  HOWDAH_TRY(const os::UniqueFd file,
             os::open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  if (reader && ::fchown(file.get(), static_cast<uid_t>(-1), reader->gid) != 0) {
    return fail_errno("chown " + temporary.string(), errno);
  }
  if (::fchmod(file.get(), reader ? 0640 : 0600) != 0) {
    return fail_errno("chmod " + temporary.string(), errno);
  }
  const ssize_t size = ::write(file.get(), content.data(), content.size());
  if (size != static_cast<ssize_t>(content.size())) {
    return fail_errno("write " + temporary.string(), size < 0 ? errno : ENOSPC);
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    return fail_errno("rename " + temporary.string(), errno);
  }
  return {};
}

}  // namespace

Result<std::string> postgresql_conf(const InstancePlace& place, const InstanceConfig& config) {
  std::vector<Setting> settings = default_settings(config.pg_major);
  const auto append = [&settings](const std::vector<Setting>& more) {
    settings.insert(settings.end(), more.begin(), more.end());
  };
  append(size_settings(config.size_class, config.max_connections, config.pg_major));
  append(config.settings);
  if (config.read_only) settings.push_back({"default_transaction_read_only", "on"});
  append(fixed_settings(place, config.pg_major));
  std::string text(kHeader);
  for (const Setting& setting : settings) {
    if (!is_setting_name(setting.name)) {
      return fail(ErrorCode::invalid_request, "a setting has a name that PostgreSQL cannot have");
    }
    text += fmt::format("{} = {}\n", setting.name, quote_value(setting.value));
  }
  return text;
}

std::string pg_hba_conf() {
  // The first line that matches decides: the last never sees a role of the platform's.
  return fmt::format(
      "{}"
      "local all {} peer map=platform\n"
      "local postgres {} peer map=monitor\n"
      "local all {} reject\n"
      "local all all peer map=gate\n",
      kHeader, kAdminRole, kMonitorRole, kMonitorRole);
}

Result<std::string> pg_ident_conf(const InstanceConfig& config) {
  std::string text(kHeader);
  for (const std::string& user : config.platform_users) {
    HOWDAH_TRY(const std::string token, quote_token(user));
    text += fmt::format("platform {} {}\nmonitor {} {}\n", token, kAdminRole, token, kMonitorRole);
  }
  for (const std::string& user : config.gate_users) {
    HOWDAH_TRY(const std::string token, quote_token(user));
    if (config.pg_major >= 16) {
      text += fmt::format("gate {} all\n", token);
      continue;
    }
    for (const std::string& role : config.roles) {
      HOWDAH_TRY(const std::string role_token, quote_token(role));
      text += fmt::format("gate {} {}\n", token, role_token);
    }
  }
  return text;
}

Result<void> write_config(const InstancePlace& place, const InstanceConfig& config,
                          std::optional<os::UserIds> reader) {
  HOWDAH_TRY(const std::string settings, postgresql_conf(place, config));
  HOWDAH_TRY(const std::string ident, pg_ident_conf(config));
  HOWDAH_CHECK(os::make_directory(place.config(), 0750));
  if (reader) {
    HOWDAH_CHECK(os::change_owner(place.config(), static_cast<uid_t>(-1), reader->gid));
  }
  HOWDAH_CHECK(write_one(place.config() / "pg_hba.conf", pg_hba_conf(), reader));
  HOWDAH_CHECK(write_one(place.config() / "pg_ident.conf", ident, reader));
  return write_one(place.config() / "postgresql.conf", settings, reader);
}

}  // namespace howdah::instance
