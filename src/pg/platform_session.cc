// SPDX-License-Identifier: Apache-2.0
#include "pg/platform_session.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace howdah::pg {
namespace {

struct Pin {
  std::string_view name;
  std::string_view value;
};

// What every major knows and any role may set. A server refuses a connection that names a setting
// it does not know: those of some majors only are set back afterwards (Connection::open), but for
// two that could end a session before that, which are the role's own (instance/hardening_store.cc).
constexpr std::array kPins{
    Pin{"role", "none"},
    Pin{"local_preload_libraries", ""},
    Pin{"exit_on_error", "off"},
    Pin{"statement_timeout", "0"},
    Pin{"lock_timeout", "0"},
    Pin{"idle_in_transaction_session_timeout", "0"},
    Pin{"default_transaction_read_only", "off"},
    Pin{"default_transaction_deferrable", "off"},
    Pin{"default_transaction_isolation", "read\\ committed"},
    Pin{"default_table_access_method", "heap"},
    Pin{"default_tablespace", ""},
    Pin{"temp_tablespaces", ""},
    Pin{"row_security", "off"},
    Pin{"check_function_bodies", "on"},
    Pin{"standard_conforming_strings", "on"},
    Pin{"backslash_quote", "safe_encoding"},
    Pin{"array_nulls", "on"},
    Pin{"transform_null_equals", "off"},
    Pin{"quote_all_identifiers", "off"},
    Pin{"bytea_output", "hex"},
    Pin{"intervalstyle", "postgres"},
    Pin{"extra_float_digits", "1"},
    Pin{"timezone_abbreviations", "Default"},
    Pin{"client_min_messages", "notice"},
    Pin{"synchronous_commit", "on"},
    Pin{"password_encryption", "scram-sha-256"},
    // They write statements to the log.
    Pin{"debug_print_parse", "off"},
    Pin{"debug_print_rewritten", "off"},
    Pin{"debug_print_plan", "off"},
};
// What only a superuser may set.
constexpr std::array kAdminPins{
    Pin{"session_replication_role", "origin"},
    Pin{"log_statement", "none"},
    Pin{"log_min_duration_statement", "-1"},
    Pin{"log_min_error_statement", "panic"},
};

template <std::size_t Size>
void append(std::string& text, const std::array<Pin, Size>& pins) {
  for (const Pin& pin : pins) {
    text += fmt::format("{}-c {}={}", text.empty() ? "" : " ", pin.name, pin.value);
  }
}

ConnectOptions session_of(PlatformSession session, std::string_view role) {
  ConnectOptions options;
  options.socket_directory = std::move(session.socket_directory);
  options.user = role;
  options.forgets_attached = session.database != "postgres";
  options.database = std::move(session.database);
  options.application_name = std::move(session.application_name);
  append(options.options, kPins);
  return options;
}

}  // namespace

ConnectOptions admin_session(PlatformSession session) {
  ConnectOptions options = session_of(std::move(session), kAdminRole);
  append(options.options, kAdminPins);
  return options;
}

ConnectOptions monitor_session(PlatformSession session) {
  return session_of(std::move(session), kMonitorRole);
}

ConnectOptions role_session(PlatformSession session, std::string role) {
  return session_of(std::move(session), role);
}

}  // namespace howdah::pg
