// SPDX-License-Identifier: Apache-2.0
// howdah db export: a database as a plain data directory of PostgreSQL.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/target.h"
#include "cli/context.h"
#include "cli/start/node_program.h"

namespace howdah::cli {
namespace {

struct ExportOptions {
  std::string target;  // DB[.BRANCH]
  std::string directory;
  std::string owner;
  bool stop = false;
};

// PostgreSQL refuses to run as root, so root gives the folder to somebody else.
Result<os::UserIds> owner_of_export(const std::string& name) {
  std::optional<os::UserIds> user;
  if (!name.empty()) {
    user = os::find_user(name);
    if (!user) return fail(ErrorCode::invalid_request, fmt::format("there is no user '{}'", name));
  } else {
    user = commanding_user();
    if (user->uid == 0) user = os::find_user("postgres");
  }
  if (user && user->uid != 0) {
    if (::geteuid() == 0 || user->uid == ::geteuid()) return *user;
    return fail(ErrorCode::forbidden, "only root can give files to another user");
  }
  return fail(ErrorCode::invalid_request, "PostgreSQL does not run as root",
              "name who will run it: --owner USER");
}

// The instance, where a Howdah that runs knows it by the name that people gave it; else the name.
std::string instance_name(Context& context, const std::string& target) {
  const Target wanted = parse_target(context, target);
  const auto database = context.find_database(wanted.database);
  if (!database) return wanted.database;
  return std::string(database->at("database_name").as_string());
}

Result<int> export_database(Context& context, const ExportOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("an export copies files; it is run"));
  HOWDAH_TRY(const os::UserIds owner, owner_of_export(options.owner));
  const os::Path directory = std::filesystem::absolute(options.directory).lexically_normal();
  std::vector<std::string> arguments{"--export", instance_name(context, options.target),
                                     "--to",     directory.string(),
                                     "--owner",  fmt::format("{}:{}", owner.uid, owner.gid)};
  if (options.stop) arguments.insert(arguments.end(), {"--stop-it", "yes"});
  if (!context.quiet) arguments.insert(arguments.end(), {"--progress", "yes"});
  HOWDAH_TRY(NodeProgram program,
             NodeProgram::start(context, arguments, context.quiet ? -1 : STDERR_FILENO));
  HOWDAH_CHECK(program.finish());
  boost::json::object made = program.answer();
  made["start"] = fmt::format("{}/pg_ctl -D {} -l {}/server.log start",
                              std::string_view(made.at("bin_directory").as_string()),
                              directory.string(), directory.string());
  made.erase("bin_directory");
  context.print_object(made);
  context.say("Read README.howdah in it.");
  return 0;
}

}  // namespace

void add_export_command(CLI::App& db, Context& context) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* sub = db.add_subcommand(
      "export", "Copy a database out as a data directory that PostgreSQL starts by itself");
  add_database_argument(*sub, options->target)->type_name("DB[.BRANCH]");
  sub->add_option("--pgdata", options->directory, "The folder to make")
      ->type_name("DIR")
      ->required();
  sub->add_option("--owner", options->owner, "Who will run it (you; as root: postgres)")
      ->type_name("USER");
  sub->add_flag("--stop", options->stop,
                "Close it while it is copied, where the volume has no snapshots");
  add_setting(*sub, context, "postgres-dir");
  add_example(*sub, "sudo howdah db export shop --pgdata /srv/shop --owner postgres");
  sub->callback([&context, options] {
    context.action = [&context, options] { return export_database(context, *options); };
  });
}

}  // namespace howdah::cli
