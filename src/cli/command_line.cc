// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/context.h"
#include "cli/style.h"

namespace howdah::cli {
namespace {

constexpr int kExitUsage = 2;

int report(const Error& error) {
  fmt::print(stderr, "howdah: {}\n", error.message);
  for (const FieldError& field : error.fields) {
    // A single field is already the message.
    if (error.fields.size() > 1) fmt::print(stderr, "  {} {}\n", field.pointer, field.detail);
  }
  if (!error.detail.empty()) fmt::print(stderr, "  {}\n", error.detail);
  if (!error.hint.empty()) fmt::print(stderr, "  what to do: {}\n", error.hint);
  return info_of(error.code).exit_code;
}

void add_global_flags(CLI::App& app, Context& context) {
  app.add_option("--data-dir", context.data_directory, "The data folder")
      ->envname("HOWDAH_DATA_DIR");
  app.add_option("-o,--output", context.output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}));
  app.add_flag("-q,--quiet", context.quiet, "Data only, no talk");
  app.add_flag("--no-input", context.no_input, "Never ask");
  app.add_flag("-y,--yes", context.yes, "Answer every question with yes");
  // Global flags may stand behind the command too.
  app.fallthrough();
}

void explain_missing_command(const CLI::App& app) {
  const auto words = app.remaining();
  if (words.empty()) {
    fmt::print(stderr, "{}", app.help());
  } else {
    fmt::print(stderr, "howdah: there is no command '{}'\n  what to do: see 'howdah --help'\n",
               words.front());
  }
}

}  // namespace

int run_command_line(int argc, const char* const* argv) {
  Context context;
  CLI::App app("Howdah: a Postgres cloud on your own machine", "howdah");
  app.set_version_flag("--version", "howdah " HOWDAH_VERSION);
  app.require_subcommand(1);
  add_global_flags(app, context);
  add_up_command(app, context);
  add_status_commands(app, context);
  add_database_commands(app, context);
  add_firewall_commands(app, context);
  add_psql_command(app, context);
  add_operation_commands(app, context);
  add_key_commands(app, context);
  add_log_commands(app, context);
  add_client_commands(app, context);
  add_extension_commands(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    if (!app.get_subcommands().empty()) app.exit(error);
    if (app.get_subcommands().empty()) explain_missing_command(app);
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitUsage;
  }
  const auto code = context.action();
  return code ? *code : report(code.error());
}

}  // namespace howdah::cli
