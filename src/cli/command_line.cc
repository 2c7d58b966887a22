// SPDX-License-Identifier: Apache-2.0
#include "cli/command_line.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands/shell_commands.h"
#include "cli/context.h"
#include "cli/shell/aliases.h"
#include "cli/shell/usage.h"

namespace howdah::cli {
namespace {

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
  for (const Setting& setting : all_settings()) {
    if (setting.use == SettingUse::everywhere) add_setting(app, context, setting.name);
  }
  app.add_flag("-y,--yes", context.yes, "Answer every question with yes");
  // Global flags may stand behind the command too.
  app.fallthrough();
}

void add_help_command(CLI::App& app, Context& context) {
  CLI::App* help = app.add_subcommand("help", "Show how a command is used");
  auto words = std::make_shared<std::vector<std::string>>();
  help->add_option("command", *words, "Such as: db create")->type_name("COMMAND");
  add_example(*help, "howdah help db create");
  help->callback([&app, &context, words] {
    context.needs_configuration = false;
    context.action = [&app, words]() -> Result<int> { return show_help(app, *words); };
  });
}

Result<int> run_action(Context& context) {
  HOWDAH_CHECK(context.load());
  return context.action();
}

// Everything that was printed must have arrived, or the exit code would lie.
int finished(int code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  fmt::print(stderr, "howdah: cannot write the output: {}\n", std::strerror(errno));
  return code == 0 ? 1 : code;
}

// A reader that went away ends us silently, whoever started us; Ctrl-C by an exit code.
void prepare_signals() {
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, [](int) { ::_exit(130); });
}

}  // namespace

void build_tree(CLI::App& app, Context& context) {
  set_help_style(app);
  app.name("howdah");
  app.description("Howdah: a Postgres cloud on your own machine");
  app.set_version_flag("--version", "howdah " HOWDAH_VERSION);
  app.require_subcommand(1);
  add_global_flags(app, context);
  add_up_command(app, context);
  add_status_commands(app, context);
  add_database_commands(app, context);
  add_password_commands(app, context);
  add_firewall_commands(app, context);
  add_psql_command(app, context);
  add_operation_commands(app, context);
  add_key_commands(app, context);
  add_log_commands(app, context);
  add_client_commands(app, context);
  add_extension_commands(app, context);
  add_env_commands(app, context);
  add_audit_commands(app, context);
  add_secrets_commands(app, context);
  add_recovery_commands(app, context);
  add_rescue_command(app, context);
  add_volume_commands(app, context);
  add_configuration_commands(app, context);
  add_service_commands(app, context);
  add_shell_commands(app, context);
  add_help_command(app, context);
}

int run_command_line(int argc, const char* const* argv) {
  prepare_signals();
  try {
    auto words = expand_alias(argc, argv);
    if (!words.empty() && words.front() == kCompleteCommand) {
      words.erase(words.begin());
      if (!words.empty() && words.front() == "--") words.erase(words.begin());
      return print_completion(words);
    }
    Context context;
    CLI::App app;
    build_tree(app, context);
    std::ranges::reverse(words);  // as CLI11 takes them
    try {
      app.parse(std::move(words));
    } catch (const CLI::ParseError& error) {
      return finished(report_usage(app, error));
    }
    const auto code = run_action(context);
    return finished(code ? *code : report(code.error()));
  } catch (const std::exception& error) {
    fmt::print(stderr, "howdah: internal error: {}\n", error.what());
    return 1;
  }
}

}  // namespace howdah::cli
