// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"

namespace howdah::cli {
namespace {

struct ExtensionOptions {
  std::string database;
  std::string name;
  std::string logical_database;
  std::string schema;
};

std::string text_of(const boost::json::value& object, std::string_view field) {
  const auto* value = object.as_object().if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<std::string> path_of(Context& context, const std::string& name) {
  HOWDAH_TRY(const auto database, context.find_database(name));
  return "/api/databases/" + text_of(database, "id") + "/extensions";
}

// "tenant_k3v9x2ab 1.6 in public", one for each logical database.
std::string places_of(const boost::json::value& extension) {
  std::string places;
  for (const auto& place : extension.at("installed").as_array()) {
    if (!places.empty()) places += ", ";
    places += fmt::format("{} {} in {}", text_of(place, "database"), text_of(place, "version"),
                          text_of(place, "schema"));
  }
  return places;
}

Result<int> list_extensions(Context& context, const ExtensionOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(boost::json::array rows, context.list(path));
  if (context.format() == OutputFormat::table) {
    for (auto& row : rows) row.as_object()["places"] = places_of(row);
  }
  context.print_rows(rows, {{"NAME", "name"},
                            {"AVAILABLE", "available_version"},
                            {"INSTALLED", "places"},
                            {"WHAT", "description"}});
  return 0;
}

Result<int> add_extension(Context& context, const ExtensionOptions& options) {
  boost::json::object body{{"name", options.name}};
  if (!options.logical_database.empty()) body["database"] = options.logical_database;
  if (!options.schema.empty()) body["schema"] = options.schema;
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, path, body));
  context.say(text_of(answer, "message"));
  if (context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  return 0;
}

Result<int> remove_extension(Context& context, const ExtensionOptions& options) {
  http::Query query;
  if (!options.logical_database.empty()) query.emplace_back("database", options.logical_database);
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const auto answer,
             context.call(http::Method::del, path + "/" + options.name, nullptr, query));
  context.say(text_of(answer, "message"));
  if (context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  return 0;
}

}  // namespace

void add_extension_commands(CLI::App& app, Context& context) {
  CLI::App* extension =
      app.add_subcommand("extension", "Extensions of a database")->require_subcommand(1);
  auto options = std::make_shared<ExtensionOptions>();
  const auto add = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = extension->add_subcommand(command, help);
    sub->add_option("DB", options->database, "Name, database name or id")->required();
    sub->callback([&context, options, run] {
      context.action = [&context, options, run] { return run(context, *options); };
    });
    return sub;
  };
  const auto add_for_one = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = add(command, help, run);
    sub->add_option("NAME", options->name, "The extension: pg_trgm, hstore, ...")->required();
    sub->add_option("--database", options->logical_database,
                    "The logical database, if not the main");
    return sub;
  };
  add("list", "Which may be installed, and which are", list_extensions);
  add_for_one("add", "Install one; wakes the database", add_extension)
      ->add_option("--schema", options->schema, "Where its objects go (public)");
  add_for_one("remove", "Remove one, if nothing depends on it", remove_extension);
}

}  // namespace howdah::cli
