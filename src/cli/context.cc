// SPDX-License-Identifier: Apache-2.0
#include "cli/context.h"

#include <fmt/format.h>
#include <unistd.h>

#include <iostream>

#include "cli/output.h"
#include "cli/remote.h"
#include "cli/settings/context_file.h"
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

Result<void> Context::load() {
  std::error_code error;
  const os::Path here = std::filesystem::current_path(error);
  FoundContextFile found;
  if (!error) found = find_context_file(here);
  sources.context_file = found.file;
  sources.user_file = user_config_file();
  sources.system_file = system_config_file();
  if (needs_configuration) {
    HOWDAH_TRY(config_, Configuration::load(sources));
  }
  quiet = config_.flag("quiet");
  no_input = config_.flag("no-input");
  if (!found.note.empty()) say(found.note);
  for (const char* place : {"data-dir", "api-url", "ca-file"}) {
    if (config_.value(place).origin != Origin::context_file) continue;
    return check_context_file(found.file);
  }
  return {};
}

Layout Context::layout() const {
  const std::string& folder = config_.text("data-dir");
  return layout_of(folder.empty() ? default_running_directory() : os::Path(folder));
}

OutputFormat Context::format() const {
  const std::string& output = config_.text("output");
  if (output == "json") return OutputFormat::json;
  return output == "yaml" ? OutputFormat::yaml : OutputFormat::table;
}

bool Context::remote() const {
  const SettingValue& url = config_.value("api-url");
  // A data folder that is named more closely than the address is what is meant.
  return !url.text.empty() && url.origin <= config_.value("data-dir").origin;
}

Result<void> Context::refuse_remote(std::string_view what) const {
  if (!remote()) return {};
  return fail(ErrorCode::unsupported, fmt::format("{} on the machine itself", what),
              "run this there, without --api-url");
}

Result<http::Client> Context::connect(asio::io_context& io) const {
  if (remote()) return connect_remote(config_);
  return http::Client(io.get_executor(), layout().control_socket());
}

Result<http::Response> Context::fetch(http::Request request) {
  asio::io_context io(1);
  HOWDAH_TRY(http::Client client, connect(io));
  return net::run(io, client.send(std::move(request), kCallDeadline));
}

Result<boost::json::value> Context::call(http::Method method, const std::string& path,
                                         const boost::json::value& body, const http::Query& query) {
  asio::io_context io(1);
  HOWDAH_TRY(http::Client client, connect(io));
  auto answer = net::run(io, client.call(method, path, query, body, kCallDeadline));
  if (answer || answer.error().code != ErrorCode::unavailable) return answer;
  if (remote()) {
    if (answer.error().hint.empty()) {
      answer.error().hint =
          "see there whether it runs (howdah status), was started with --listen or --domain, and "
          "whether a firewall is between";
    }
    return answer;
  }
  const Layout place = layout();
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
  const SettingValue& chosen = config_.value("database");
  const std::string wanted = name.empty() ? chosen.text : name;
  if (name.empty() && !wanted.empty()) say(fmt::format("Database: {} ({})", wanted, chosen.place));
  const http::Query query = deleted ? http::Query{{"includeDeleted", "true"}} : http::Query{};
  HOWDAH_TRY(const boost::json::array databases, list("/api/databases", query));
  std::vector<boost::json::object> found;
  for (const auto& database : databases) {
    if (deleted != (database.at("status") == "deleted")) continue;
    if (wanted.empty() || is_named(database.as_object(), wanted)) {
      found.push_back(database.as_object());
    }
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    const std::string_view kind = deleted ? "deleted database" : "database";
    return fail(ErrorCode::not_found,
                wanted.empty() ? fmt::format("there is no {} yet", kind)
                               : fmt::format("no {} '{}'", kind, wanted),
                wanted.empty() ? "make one: howdah db create NAME" : "see: howdah db list");
  }
  return fail(ErrorCode::conflict,
              wanted.empty() ? fmt::format("there are {} databases; say which", found.size())
                             : fmt::format("{} databases are called '{}'", found.size(), wanted),
              "use the database name or id; see: howdah db list");
}

void Context::print_rows(const boost::json::value& rows, const std::vector<Column>& columns) const {
  if (format() == OutputFormat::table) {
    fmt::print("{}", to_table(rows.as_array(), columns, style::terminal_width()));
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
  return confirm_typed(question, expected, "add --yes");
}

Result<void> Context::confirm_typed(const std::string& question, const std::string& expected,
                                    const std::string& instead) const {
  if (no_input || ::isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::invalid_request, "this needs a confirmation", instead);
  }
  fmt::print(stderr, "{} Type {} to go on: ", question, style::bold(expected));
  std::fflush(stderr);
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == expected) return {};
  return fail(ErrorCode::cancelled, "not confirmed; nothing was changed");
}

}  // namespace howdah::cli
