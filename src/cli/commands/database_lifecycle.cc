// SPDX-License-Identifier: Apache-2.0
// What becomes of a database: db update, pause, resume, delete, undelete.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/setting_options.h"
#include "cli/context.h"

namespace howdah::cli {
namespace {

struct LifecycleOptions {
  std::string database;
  std::string reason;
  bool purge = false;
  bool dry_run = false;
};

struct UpdateOptions {
  std::string database;
  std::string friendly_name;
  std::string email;
  std::string name;
  bool no_name = false;
  std::int64_t max_connections = 0;
  std::int64_t suspend_after_s = -1;
  std::string size_class;
  std::int64_t storage_limit_bytes = 0;
  bool no_storage_limit = false;
  std::vector<std::string> set;
  std::vector<std::string> unset;
  bool protect = false;
  bool no_protect = false;
  bool dry_run = false;
};

std::string text_of(const boost::json::object& object, std::string_view field) {
  const auto* value = object.if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string path_of(const boost::json::object& database) {
  return "/api/databases/" + text_of(database, "id");
}

http::Query query_of(bool dry_run) {
  return dry_run ? http::Query{{"dry_run", "true"}} : http::Query{};
}

// What was done in a line; the whole of it for programs, and for people who asked for a plan.
int show(const Context& context, const boost::json::value& answer, bool whole) {
  if (whole || context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  context.say(text_of(answer.as_object(), "message") + ".");
  return 0;
}

Result<int> post_action(Context& context, const LifecycleOptions& options,
                        const std::string& action) {
  const bool deleted = action == "undelete";
  HOWDAH_TRY(const auto database, context.find_database(options.database, deleted));
  boost::json::object body;
  if (!options.reason.empty()) body["reason"] = options.reason;
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, path_of(database) + "/" + action,
                                             body, query_of(options.dry_run)));
  return show(context, answer, options.dry_run);
}

// For a purge also among those that were deleted before.
Result<boost::json::object> find_to_delete(Context& context, const LifecycleOptions& options) {
  auto found = context.find_database(options.database);
  if (found || !options.purge || found.error().code != ErrorCode::not_found) return found;
  return context.find_database(options.database, true);
}

Result<int> delete_database(Context& context, const LifecycleOptions& options) {
  HOWDAH_TRY(const auto database, find_to_delete(context, options));
  const std::string friendly = text_of(database, "friendly_name");
  http::Query query = query_of(options.dry_run);
  if (options.purge) {
    query.emplace_back("purge", "true");
    query.emplace_back("confirm", friendly);
  }
  if (!options.dry_run) {
    const std::string question =
        options.purge ? "The data of database {} will be deleted for ever; nothing brings it back."
                      : "Database {} will be deleted; it can be recovered for 7 days.";
    HOWDAH_CHECK(context.confirm(fmt::format(fmt::runtime(question), friendly), friendly));
  }
  HOWDAH_TRY(const auto answer, context.call(http::Method::del, path_of(database), nullptr, query));
  if (options.dry_run) return show(context, answer, true);
  context.say(fmt::format("{} {}.", options.purge ? "Purged" : "Deleted", friendly));
  if (!options.purge) {
    context.say("To bring it back: howdah db undelete " + text_of(database, "database_name"));
  }
  if (context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  return 0;
}

// What is set, and names to take away. Errors: invalid_request.
Result<boost::json::object> settings_of(const UpdateOptions& options) {
  HOWDAH_TRY(auto settings, read_settings(options.set));
  for (const std::string& name : options.unset) settings[name] = nullptr;
  return settings;
}

Result<boost::json::object> change_of(const UpdateOptions& options) {
  boost::json::object body;
  if (!options.friendly_name.empty()) body["friendlyName"] = options.friendly_name;
  if (!options.email.empty()) body["ownerEmail"] = options.email;
  if (!options.name.empty()) body["name"] = options.name;
  if (options.no_name) body["name"] = nullptr;
  if (options.max_connections != 0) body["maxConnections"] = options.max_connections;
  if (options.suspend_after_s >= 0) body["suspendAfterSeconds"] = options.suspend_after_s;
  if (!options.size_class.empty()) body["sizeClass"] = options.size_class;
  if (options.storage_limit_bytes != 0) body["storageLimitBytes"] = options.storage_limit_bytes;
  if (options.no_storage_limit) body["storageLimitBytes"] = nullptr;
  if (options.protect) body["protected"] = true;
  if (options.no_protect) body["protected"] = false;
  HOWDAH_TRY(auto settings, settings_of(options));
  if (!settings.empty()) body["settings"] = std::move(settings);
  if (!body.empty()) return body;
  return fail(ErrorCode::invalid_request, "nothing to change was given",
              "see: howdah db update --help");
}

Result<int> update_database(Context& context, const UpdateOptions& options) {
  HOWDAH_TRY(const auto body, change_of(options));
  HOWDAH_TRY(const auto database, context.find_database(options.database));
  HOWDAH_TRY(const auto answer,
             context.call(http::Method::patch, path_of(database), body, query_of(options.dry_run)));
  return show(context, answer, true);
}

void add_update(CLI::App& db, Context& context) {
  auto options = std::make_shared<UpdateOptions>();
  CLI::App* update = db.add_subcommand("update", "Change a database");
  update->add_option("database", options->database, "Name, database name or id")->required();
  update->add_option("--friendly-name", options->friendly_name, "Its name, for people");
  update->add_option("--email", options->email, "Whom to tell about it");
  CLI::Option* name = update->add_option("--name", options->name, "Its short unique name");
  update->add_flag("--no-name", options->no_name, "Take the short name away")->excludes(name);
  update->add_option("--max-connections", options->max_connections, "Server connections (1-500)")
      ->check(CLI::Range(1, 500));
  update
      ->add_option("--suspend-after", options->suspend_after_s,
                   "Seconds without use until it sleeps (0: never)")
      ->check(CLI::NonNegativeNumber);
  update->add_option("--size-class", options->size_class, "nano, small, medium, large or custom");
  CLI::Option* limit =
      update->add_option("--storage-limit", options->storage_limit_bytes, "Bytes it may take")
          ->check(CLI::PositiveNumber);
  update->add_flag("--no-storage-limit", options->no_storage_limit, "No limit of its own")
      ->excludes(limit);
  update->add_option("--set", options->set, "A setting of PostgreSQL, such as work_mem=64MB")
      ->take_all()
      ->allow_extra_args(false);
  update->add_option("--unset", options->unset, "A setting that goes back to its default")
      ->take_all()
      ->allow_extra_args(false);
  CLI::Option* protect = update->add_flag("--protect", options->protect, "It cannot be deleted");
  update->add_flag("--no-protect", options->no_protect, "It can be deleted")->excludes(protect);
  update->add_flag("--dry-run", options->dry_run, "Show what would change, and change nothing");
  add_example(*update, "howdah db update shop --max-connections 50 --set work_mem=64MB");
  update->callback([&context, options] {
    context.action = [&context, options] { return update_database(context, *options); };
  });
}

}  // namespace

void add_database_lifecycle(CLI::App& db, Context& context) {
  add_update(db, context);
  auto options = std::make_shared<LifecycleOptions>();
  const auto add = [&](const char* command, const char* help, auto run) {
    CLI::App* sub = db.add_subcommand(command, help);
    sub->add_option("name", options->database, "Name, database name or id")->required();
    sub->add_flag("--dry-run", options->dry_run, "Show what would be done, and do nothing");
    sub->callback([&context, options, run] {
      context.action = [&context, options, run] { return run(context, *options); };
    });
    return sub;
  };
  const auto post = [](const char* action) {
    return [action](Context& context, const LifecycleOptions& given) {
      return post_action(context, given, action);
    };
  };
  for (CLI::App* sub : {add("pause", "Stop a database until it is resumed", post("pause")),
                        add("resume", "Open a paused database again", post("resume"))}) {
    sub->add_option("--reason", options->reason, "Why, for people");
  }
  add_example(*add("undelete", "Bring a deleted database back", post("undelete")),
              "howdah db undelete shop");
  CLI::App* remove = add("delete", "Delete a database (recoverable for 7 days)", delete_database);
  remove->add_flag("--purge", options->purge, "Delete its data now and for ever");
  add_example(*remove, "howdah db delete shop --dry-run");
}

}  // namespace howdah::cli
