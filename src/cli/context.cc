// SPDX-License-Identifier: Apache-2.0
#include "cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "cli/output.h"
#include "cli/style.h"
#include "net/run.h"

namespace howdah::cli {
namespace {

constexpr milliseconds kCallDeadline{120'000};

bool is_named(const boost::json::object& database, std::string_view name) {
  for (const char* field : {"id", "database_name", "username", "friendly_name"}) {
    const auto* value = database.if_contains(field);
    if (value != nullptr && value->is_string() && value->get_string() == name) return true;
  }
  const auto* tenant = database.if_contains("database_name");
  return tenant != nullptr && tenant->is_string() &&
         std::string_view(tenant->get_string()) == "tenant_" + std::string(name);
}

}  // namespace

Layout Context::layout() const {
  return layout_of(data_directory.empty() ? default_running_directory() : os::Path(data_directory));
}

OutputFormat Context::format() const {
  if (output == "json") return OutputFormat::json;
  return output == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

Result<boost::json::value> Context::call(http::Method method, const std::string& path,
                                         const boost::json::value& body, const http::Query& query) {
  const Layout place = layout();
  asio::io_context io(1);
  http::Client client(io.get_executor(), place.control_socket());
  auto answer = net::run(io, client.call(method, path, query, body, kCallDeadline));
  if (answer || answer.error().code != ErrorCode::unavailable) return answer;
  const auto lock = os::try_lock(place.data / "lock");
  if (lock && !*lock) return answer;  // a Howdah runs there: what was said is what counts
  return fail(ErrorCode::unavailable, fmt::format("no Howdah runs on {}", place.data.string()),
              "start it with 'howdah up', or name its folder with --data-dir",
              answer.error().to_log());
}

Result<boost::json::array> Context::list(const std::string& path, http::Query query) {
  boost::json::array rows;
  for (;;) {
    HOWDAH_TRY(const auto answer, call(http::Method::get, path, nullptr, query));
    for (const auto& row : answer.at("data").as_array()) rows.push_back(row);
    const auto* meta = answer.as_object().if_contains("meta");
    if (meta == nullptr) return rows;
    std::erase_if(query, [](const auto& parameter) { return parameter.first == "cursor"; });
    query.emplace_back("cursor", std::string(meta->at("next_cursor").as_string()));
  }
}

Result<boost::json::object> Context::find_database(const std::string& name, bool deleted) {
  const http::Query query = deleted ? http::Query{{"includeDeleted", "true"}} : http::Query{};
  HOWDAH_TRY(const boost::json::value answer,
             call(http::Method::get, "/api/databases", nullptr, query));
  std::vector<boost::json::object> found;
  for (const auto& database : answer.at("data").as_array()) {
    if (deleted != (database.at("status") == "deleted")) continue;
    if (name.empty() || is_named(database.as_object(), name)) found.push_back(database.as_object());
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(ErrorCode::not_found,
                name.empty() ? "there is no database yet"
                             : fmt::format("no {}database '{}'", deleted ? "deleted " : "", name),
                name.empty() ? "make one: howdah db create NAME" : "see: howdah db list");
  }
  return fail(ErrorCode::conflict,
              name.empty() ? fmt::format("there are {} databases; say which", found.size())
                           : fmt::format("{} databases are called '{}'", found.size(), name),
              "use the database name or id; see: howdah db list");
}

void Context::print_rows(const boost::json::value& rows, const std::vector<Column>& columns) const {
  if (format() == OutputFormat::table) {
    fmt::print("{}", to_table(rows.as_array(), columns));
  } else {
    print_object(rows);
  }
}

void Context::print_object(const boost::json::value& object) const {
  switch (format()) {
    case OutputFormat::json:
      fmt::print("{}\n", boost::json::serialize(object));
      return;
    case OutputFormat::yaml:
      fmt::print("{}\n", to_yaml(object));
      return;
    case OutputFormat::table:
      fmt::print("{}", to_fields(object.as_object()));
      return;
  }
}

void Context::say(std::string_view text) const {
  if (!quiet) fmt::print(stderr, "{}\n", text);
}

Result<void> Context::confirm(const std::string& question, const std::string& expected) const {
  if (yes) return {};
  if (no_input || ::isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::invalid_request, "this needs a confirmation", "add --yes");
  }
  fmt::print(stderr, "{} Type {} to go on: ", question, style::bold(expected));
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == expected) return {};
  return fail(ErrorCode::cancelled, "not confirmed; nothing was changed");
}

}  // namespace howdah::cli
