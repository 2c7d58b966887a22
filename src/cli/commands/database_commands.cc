// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/setting_options.h"
#include "cli/context.h"

namespace howdah::cli {
namespace {

struct CreateOptions {
  std::string name;
  std::string email = "owner@example.org";
  std::int64_t max_connections = 20;
  std::int64_t suspend_after_s = -1;
  std::string size_class;
  std::int64_t pg_version = 0;
  std::int64_t storage_limit_bytes = 0;
  std::vector<std::string> set;
  bool protect = false;
  bool sample = false;
};

Result<int> create_database(Context& context, const CreateOptions& options) {
  boost::json::object body{{"friendlyName", options.name},
                           {"ownerEmail", options.email},
                           {"maxConnections", options.max_connections}};
  if (options.suspend_after_s >= 0) body["suspendAfterSeconds"] = options.suspend_after_s;
  if (!options.size_class.empty()) body["sizeClass"] = options.size_class;
  if (options.pg_version != 0) body["pgVersion"] = options.pg_version;
  if (options.storage_limit_bytes != 0) body["storageLimitBytes"] = options.storage_limit_bytes;
  if (options.protect) body["protected"] = true;
  HOWDAH_TRY(auto settings, read_settings(options.set));
  if (!settings.empty()) body["settings"] = std::move(settings);
  if (options.sample) body["sampleData"] = true;
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/api/databases", body));
  context.print_object(answer.at("data"));
  context.say("Connect: howdah psql " + options.name);
  return 0;
}

Result<int> list_databases(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/databases"));
  context.print_rows(answer.at("data"), {{"NAME", "friendly_name"},
                                         {"DATABASE", "database_name"},
                                         {"STATUS", "status"},
                                         {"CONNECTIONS", "max_connections"},
                                         {"CREATED", "created_at"}});
  return 0;
}

// GET /api/databases/{id}<suffix> of the named database.
Result<int> show_part(Context& context, const std::string& name, const std::string& suffix) {
  HOWDAH_TRY(const auto database, context.find_database(name));
  const std::string id(database.at("id").as_string());
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/databases/" + id + suffix));
  context.print_object(answer.at("data"));
  return 0;
}

void add_create(CLI::App& db, Context& context) {
  auto options = std::make_shared<CreateOptions>();
  CLI::App* create = db.add_subcommand("create", "Make a database");
  create->add_option("name", options->name, "Its name, for people")->required();
  create->add_option("--email", options->email, "Whom to tell about it");
  create->add_option("--max-connections", options->max_connections, "Server connections (1-500)");
  create->add_option("--suspend-after", options->suspend_after_s,
                     "Seconds without use until it sleeps (0: never)");
  create->add_option("--size-class", options->size_class, "nano, small, medium, large or custom");
  create->add_option("--pg-version", options->pg_version, "PostgreSQL major version");
  create->add_option("--storage-limit", options->storage_limit_bytes, "Bytes it may take")
      ->check(CLI::PositiveNumber);
  create->add_option("--set", options->set, "A setting of PostgreSQL, such as work_mem=64MB")
      ->take_all()
      ->allow_extra_args(false);
  create->add_flag("--protect", options->protect, "It cannot be deleted");
  create->add_flag("--sample", options->sample, "Fill it with sample data");
  add_example(*create, "howdah db create shop --email ada@example.org");
  create->callback([&context, options] {
    context.action = [&context, options] { return create_database(context, *options); };
  });
}

}  // namespace

void add_database_commands(CLI::App& app, Context& context) {
  CLI::App* db = app.add_subcommand("db", "Databases")->require_subcommand(1);
  add_create(*db, context);
  CLI::App* list = db->add_subcommand("list", "List databases");
  add_example(*list, "howdah db list");
  list->callback([&context] { context.action = [&context] { return list_databases(context); }; });
  auto name = std::make_shared<std::string>();
  const auto add_named = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = db->add_subcommand(command, help);
    add_database_argument(*sub, *name);
    add_example(*sub, fmt::format("howdah db {} shop", command));
    sub->callback([&context, name, run] {
      context.action = [&context, name, run] { return run(context, *name); };
    });
  };
  add_named("show", "Show one database",
            [](Context& c, const std::string& n) { return show_part(c, n, ""); });
  add_named("stats", "Size and connections, without waking it",
            [](Context& c, const std::string& n) { return show_part(c, n, "/stats"); });
  add_database_lifecycle(*db, context);
  add_export_command(*db, context);
}

}  // namespace howdah::cli
