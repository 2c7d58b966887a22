// SPDX-License-Identifier: Apache-2.0
// What every command has: the settings, the API of the chosen Howdah, and a way to print.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/settings/configuration.h"
#include "cli/start/layout.h"
#include "http/client.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace howdah::cli {

enum class OutputFormat { table, json, yaml };

// A column of a table: its heading and the field of the row object it shows.
struct Column {
  std::string heading;
  std::string field;
};

class Context {
 public:
  // Set by flags of settings while the command line is parsed; load() reads them.
  ConfigurationSources sources;
  bool yes = false;
  // From the settings; known once a command runs.
  bool quiet = false;
  bool no_input = false;

  // Set by the chosen command's parse callback; main runs it. Returns the exit code.
  std::function<Result<int>()> action;
  // Commands that must work with a broken configuration clear it: all settings are defaults then.
  bool needs_configuration = true;

  // Finds and reads the configuration. Errors: config_invalid.
  Result<void> load();
  const Configuration& config() const { return config_; }

  // Of the local Howdah.
  Layout layout() const;
  OutputFormat format() const;
  // The commands talk to another machine: no file or socket of this one tells about it.
  bool remote() const;
  // For commands that work on files and processes. what: "a service is made".
  // Errors: unsupported when the commands talk to another machine.
  Result<void> refuse_remote(std::string_view what) const;

  // Calls the API: of the local Howdah over its unix socket, where this user is known by its uid,
  // or with the API key that of another machine.
  // Errors: those of the API; unavailable with a hint when no Howdah answers there.
  Result<boost::json::value> call(http::Method method, const std::string& path,
                                  const boost::json::value& body = nullptr,
                                  const http::Query& query = {});
  // As call(), for what is no JSON: the whole response, of any status.
  Result<http::Response> fetch(http::Request request);
  // To where the API is, for a stream of events.
  Result<http::Client> connect(boost::asio::io_context& io) const;
  // All rows of a list, page by page. Errors: as call().
  Result<boost::json::array> list(const std::string& path, http::Query query = {});
  // The database whose id, slug, database name or friendly name is `name`. Empty: the one of the
  // .howdah file or HOWDAH_DATABASE, which is said; else the only one.
  // deleted: among those that were deleted and not yet purged, else among the others.
  // Errors: not_found; conflict when the name fits several.
  Result<boost::json::object> find_database(const std::string& name, bool deleted = false);

  // Data to standard output in the chosen format; a table shows the columns.
  void print_rows(const boost::json::value& rows, const std::vector<Column>& columns) const;
  void print_object(const boost::json::value& object) const;  // a table: one line a field
  void say(std::string_view text) const;  // talk: standard error, unless --quiet
  // Asks for a word to be typed; --yes answers for the user. Errors: invalid_request without a
  // terminal or with --no-input; cancelled for any other answer.
  Result<void> confirm(const std::string& question, const std::string& expected) const;
  // The same without --yes, for what cannot be had back. instead: what a script can do.
  Result<void> confirm_typed(const std::string& question, const std::string& expected,
                             const std::string& instead) const;

 private:
  Configuration config_;
};

// The flag of a setting (settings.h) for this command; the value goes to context.sources.
CLI::Option* add_setting(CLI::App& command, Context& context, std::string_view name);
// The argument DB of a command, for find_database(): may be left out (see there).
CLI::Option* add_database_argument(CLI::App& command, std::string& database);
// A line of "EXAMPLES" in the command's help and man page: what to type, without "$".
void add_example(CLI::App& command, std::string_view line);

void add_audit_commands(CLI::App& app, Context& context);
void add_configuration_commands(CLI::App& app, Context& context);  // config, link
void add_database_commands(CLI::App& app, Context& context);
void add_database_lifecycle(CLI::App& db, Context& context);  // commands of `db`
void add_env_commands(CLI::App& app, Context& context);
void add_firewall_commands(CLI::App& app, Context& context);
void add_client_commands(CLI::App& app, Context& context);  // below "db", which must be there
void add_extension_commands(CLI::App& app, Context& context);
void add_log_commands(CLI::App& app, Context& context);
void add_key_commands(CLI::App& app, Context& context);
void add_operation_commands(CLI::App& app, Context& context);
void add_password_commands(CLI::App& app, Context& context);  // below db, which is there
void add_psql_command(CLI::App& app, Context& context);
void add_recovery_commands(CLI::App& app, Context& context);  // recovery-key, backup catalog
void add_rescue_command(CLI::App& app, Context& context);
void add_export_command(CLI::App& db, Context& context);  // db export
void add_secrets_commands(CLI::App& app, Context& context);
void add_secrets_restore(CLI::App& secrets, Context& context);  // below secrets
void add_service_commands(CLI::App& app, Context& context);     // service, uninstall
void add_shell_commands(CLI::App& app, Context& context);       // completion, man
void add_status_commands(CLI::App& app, Context& context);      // status, doctor
void add_up_command(CLI::App& app, Context& context);
void add_volume_commands(CLI::App& app, Context& context);

}  // namespace howdah::cli
