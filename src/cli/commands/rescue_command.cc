// SPDX-License-Identifier: Apache-2.0
// howdah rescue: psql as superuser on one database, with everything of Howdah's down.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <memory>

#include "cli/commands/programs.h"
#include "cli/context.h"
#include "cli/start/node_program.h"
#include "cli/style.h"

namespace howdah::cli {
namespace {

struct RescueOptions {
  std::string name;
  std::string command;
  std::string database;
  std::vector<std::string> arguments;
};

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Result<int> list_instances(Context& context) {
  HOWDAH_TRY(NodeProgram program, NodeProgram::start(context, {"--rescue", ""}));
  HOWDAH_CHECK(program.finish());
  context.print_rows(program.answer().at("instances"), {{"SLUG", "slug"},
                                                        {"DATABASE", "database"},
                                                        {"ID", "id"},
                                                        {"PG", "pg_major"},
                                                        {"RUNNING", "running"},
                                                        {"CREATED", "created_at"}});
  context.say("Open one: howdah rescue SLUG");
  return 0;
}

// Where PostgreSQL stands there is mostly a psql of the same version beside it.
Result<std::string> psql_beside(const std::string& bin_directory) {
  const os::Path beside = os::Path(bin_directory) / "psql";
  if (!bin_directory.empty() && ::access(beside.c_str(), X_OK) == 0) return beside.string();
  return find_program("psql", "install it: apt-get install postgresql-client");
}

// In the foreground of this terminal, where Ctrl-C is meant for it.
Result<int> run_in_terminal(std::vector<std::string> arguments) {
  os::SpawnOptions options;
  options.arguments = std::move(arguments);
  for (char** variable = environ; *variable != nullptr; ++variable) {
    options.environment.emplace_back(*variable);
  }
  options.stdin_fd = STDIN_FILENO;
  options.stdout_fd = STDOUT_FILENO;
  options.stderr_fd = STDERR_FILENO;
  options.new_session = false;
  std::error_code ignored;
  options.working_directory = std::filesystem::current_path(ignored);
  if (options.working_directory.empty()) options.working_directory = "/";
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGQUIT, SIG_IGN);
  HOWDAH_TRY(os::Process psql, os::spawn(options));
  pollfd ended{psql.pidfd(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) continue;
  return psql.reap().value_or(1);
}

void print_banner(const Context& context, const boost::json::object& instance) {
  const bool running = instance.at("running") == boost::json::value(true);
  context.say(style::bold(
      fmt::format("RESCUE of {}: you are superuser (howdah_admin).", text_of(instance, "slug"))));
  context.say(running ? "It runs already: its clients go on while you are here, and it is left "
                        "running."
                      : "Only you can reach it; it is stopped again when you leave.");
  context.say("Functions and triggers of its owner run with your rights.");
}

Result<int> open_rescue(Context& context, const RescueOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("a rescue works on files; it is run"));
  if (options.name.empty()) return list_instances(context);
  HOWDAH_TRY(NodeProgram program, NodeProgram::start(context, {"--rescue", options.name}));
  const boost::json::object& instance = program.answer();
  auto psql = psql_beside(text_of(instance, "bin_directory"));
  if (!psql) {
    (void)program.finish();
    return std::unexpected(std::move(psql).error());
  }
  print_banner(context, instance);
  const std::string database =
      options.database.empty() ? text_of(instance, "database") : options.database;
  std::vector<std::string> arguments{*psql,          "-h",   text_of(instance, "socket_directory"),
                                     "-p",           "5432", "-U",
                                     "howdah_admin", "-d",   database};
  if (!options.command.empty()) arguments.insert(arguments.end(), {"-c", options.command});
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  const auto code = run_in_terminal(std::move(arguments));
  HOWDAH_CHECK(program.finish());
  return code;
}

}  // namespace

void add_rescue_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<RescueOptions>();
  CLI::App* rescue = app.add_subcommand(
      "rescue", "Open psql as superuser on one database, when Howdah does not run");
  rescue->add_option("database", options->name, "Slug, database name or instance id; none: a list")
      ->type_name("DB");
  rescue->add_option("-c,--command", options->command, "Run this SQL instead of opening a shell");
  rescue->add_option("-d,--dbname", options->database, "Logical database (its own)");
  rescue->add_option("arguments", options->arguments, "For psql, after --");
  add_setting(*rescue, context, "postgres-dir");
  add_example(*rescue, "sudo howdah rescue");
  add_example(*rescue, "sudo howdah rescue k3v9x2ab -c 'TABLE orders'");
  rescue->callback([&context, options] {
    context.action = [&context, options] { return open_rescue(context, *options); };
  });
}

}  // namespace howdah::cli
