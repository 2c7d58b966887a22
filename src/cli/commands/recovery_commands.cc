// SPDX-License-Identifier: Apache-2.0
// howdah recovery-key and howdah backup catalog: what saves a Howdah itself.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace howdah::cli {
namespace {

Result<int> show_recovery_key(Context& context) {
  HOWDAH_CHECK(context.refuse_remote("the recovery key is shown only"));
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/internal/recovery-key"));
  const auto& data = answer.at("data").as_object();
  if (context.format() != OutputFormat::table) {
    context.print_object(data);
  } else {
    fmt::print("{}\n", std::string_view(data.at("recovery_key").as_string()));
  }
  context.say(
      "Keep it where the data folder is not: with it and a copy of the data, lost secrets "
      "can be made again.");
  return 0;
}

Result<int> list_dumps(Context& context) {
  HOWDAH_TRY(const auto rows, context.list("/api/catalog/dumps"));
  context.print_rows(rows, {{"NAME", "name"}, {"SIZE", "size_pretty"}, {"CREATED", "created_at"}});
  return 0;
}

Result<int> make_dump(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/api/catalog/dumps"));
  context.print_object(answer.at("data"));
  return 0;
}

}  // namespace

void add_recovery_commands(CLI::App& app, Context& context) {
  CLI::App* key = app.add_subcommand(
      "recovery-key", "Show the key that opens the secrets of this data folder (audited)");
  add_example(*key, "howdah recovery-key --quiet > /media/usb/howdah-recovery-key");
  key->callback([&context] { context.action = [&context] { return show_recovery_key(context); }; });

  CLI::App* backup = app.add_subcommand("backup", "Backups")->require_subcommand(1);
  CLI::App* catalog =
      backup->add_subcommand("catalog", "Dumps of the catalog, where Howdah keeps what it knows");
  catalog->require_subcommand(1);
  CLI::App* create = catalog->add_subcommand("create", "Dump the catalog now");
  add_example(*create, "howdah backup catalog create");
  create->callback([&context] { context.action = [&context] { return make_dump(context); }; });
  CLI::App* list = catalog->add_subcommand("list", "List the dumps, the newest first");
  add_example(*list, "howdah backup catalog list");
  list->callback([&context] { context.action = [&context] { return list_dumps(context); }; });
}

}  // namespace howdah::cli
