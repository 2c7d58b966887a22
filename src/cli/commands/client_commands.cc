// SPDX-License-Identifier: Apache-2.0
// `howdah db clients|disconnect|pools|databases`: what goes on inside one database now.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"

namespace howdah::cli {
namespace {

struct ClientOptions {
  std::string database;
  std::string client;
};

// "/api/databases/{id}<suffix>" of the named database.
Result<std::string> path_of(Context& context, const std::string& name, std::string_view suffix) {
  HOWDAH_TRY(const auto database, context.find_database(name));
  return fmt::format("/api/databases/{}{}", std::string(database.at("id").as_string()), suffix);
}

Result<int> list_clients(Context& context, const ClientOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database, "/clients"));
  // Pages: the list may change while it is read, but each client comes once.
  HOWDAH_TRY(const auto clients, context.list(path));
  context.print_rows(clients, {{"ID", "id"},
                               {"PORT", "port"},
                               {"ADDRESS", "client_address"},
                               {"ROLE", "role"},
                               {"DATABASE", "database"},
                               {"APPLICATION", "application_name"},
                               {"STATE", "state"},
                               {"PID", "server_pid"},
                               {"TLS", "tls_version"},
                               {"SINCE", "connected_at"},
                               {"LAST ACTIVE", "last_activity_at"}});
  if (clients.empty()) context.say("Nobody is connected.");
  return 0;
}

Result<int> list_pools(Context& context, const ClientOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database, "/pools"));
  HOWDAH_TRY(const auto pools, context.list(path));
  context.print_rows(pools, {{"ROLE", "role"},
                             {"DATABASE", "database"},
                             {"PORT", "port"},
                             {"MODE", "mode"},
                             {"CLIENTS", "clients"},
                             {"ACTIVE", "active_clients"},
                             {"WAITING", "waiting_clients"},
                             {"SERVERS", "servers"},
                             {"LIMIT", "limit"}});
  if (pools.empty()) context.say("Nobody is connected.");
  return 0;
}

Result<int> list_logical_databases(Context& context, const ClientOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database, "/logical-databases"));
  HOWDAH_TRY(const auto databases, context.list(path));
  context.print_rows(databases, {{"NAME", "name"},
                                 {"OWNER", "owner"},
                                 {"KIND", "kind"},
                                 {"SIZE", "size_pretty"},
                                 {"CONNECTIONS", "connections"},
                                 {"AS OF", "sampled_at"}});
  if (databases.empty()) context.say("Nothing is known yet: it has not run since it was made.");
  return 0;
}

Result<int> cut_client(Context& context, const ClientOptions& options) {
  HOWDAH_TRY(const std::string path,
             path_of(context, options.database, "/clients/" + options.client));
  HOWDAH_TRY(const auto answer, context.call(http::Method::del, path));
  context.say(fmt::format("Ended the session of {}.",
                          std::string(answer.at("data").at("role").as_string())));
  if (context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  return 0;
}

}  // namespace

void add_client_commands(CLI::App& app, Context& context) {
  CLI::App* db = app.get_subcommand("db");
  auto options = std::make_shared<ClientOptions>();
  const auto add = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = db->add_subcommand(command, help);
    add_database_argument(*sub, options->database);
    sub->callback([&context, options, run] {
      context.action = [&context, options, run] { return run(context, *options); };
    });
  };
  add("clients", "Who is connected now", list_clients);
  add("pools", "Clients and server connections, by role, logical database and port", list_pools);
  add("databases", "The logical databases in it, also those made by SQL", list_logical_databases);
  CLI::App* disconnect = db->add_subcommand("disconnect", "End one session");
  disconnect->add_option("DB", options->database, "Name, database name or id")->required();
  disconnect->add_option("CLIENT", options->client, "Its id, of 'howdah db clients'")->required();
  disconnect->callback([&context, options] {
    context.action = [&context, options] { return cut_client(context, *options); };
  });
}

}  // namespace howdah::cli
