// SPDX-License-Identifier: Apache-2.0
// What every command has: the global flags, the API of the local Howdah, and a way to print.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/layout.h"
#include "http/client.h"

namespace CLI {
class App;
}

namespace howdah::cli {

enum class OutputFormat { table, json, yaml };

// A column of a table: its heading and the field of the row object it shows.
struct Column {
  std::string heading;
  std::string field;
};

class Context {
 public:
  // Set by the global flags before any command runs.
  std::string data_directory;
  std::string output = "table";
  bool quiet = false;
  bool no_input = false;
  bool yes = false;

  // Set by the chosen command's parse callback; main runs it. Returns the exit code.
  std::function<Result<int>()> action;

  Layout layout() const;
  OutputFormat format() const;

  // Calls the API of the local Howdah over its unix socket, where this user is known by its uid.
  // Errors: those of the API; unavailable with a hint when no Howdah runs on the data folder.
  Result<boost::json::value> call(http::Method method, const std::string& path,
                                  const boost::json::value& body = nullptr,
                                  const http::Query& query = {});
  // All rows of a list, page by page. Errors: as call().
  Result<boost::json::array> list(const std::string& path, http::Query query = {});
  // The database whose id, slug, database name or friendly name is `name`; empty: the only one.
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
};

void add_database_commands(CLI::App& app, Context& context);
void add_database_lifecycle(CLI::App& db, Context& context);  // commands of `db`
void add_firewall_commands(CLI::App& app, Context& context);
void add_key_commands(CLI::App& app, Context& context);
void add_operation_commands(CLI::App& app, Context& context);
void add_psql_command(CLI::App& app, Context& context);
void add_status_commands(CLI::App& app, Context& context);  // status, doctor
void add_up_command(CLI::App& app, Context& context);

}  // namespace howdah::cli
