// SPDX-License-Identifier: Apache-2.0
// howdah secrets status|rotate|restore: the key that seals every password of the catalog.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/operation_commands.h"

namespace howdah::cli {
namespace {

namespace json = boost::json;

void say_what_is_open(const Context& context, const json::object& secrets) {
  const std::int64_t older = secrets.at("values_of_older_keys").as_int64();
  const std::int64_t unknown = secrets.at("values_of_unknown_keys").as_int64();
  if (unknown > 0) {
    context.say(
        fmt::format("{} values were sealed with a key that is not in the ring: add it with howdah "
                    "secrets restore.",
                    unknown));
  } else if (older > 0) {
    context.say(fmt::format(
        "{} values are sealed with an older key; the sweep of the night seals them anew.", older));
  }
  if (!secrets.at("recovery_key_shown").as_bool()) {
    context.say("The recovery key has changed and was not shown since: howdah recovery-key");
  }
}

Result<int> show_status(Context& context) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::get, "/api/secrets"));
  const json::object& secrets = answer.at("data").as_object();
  if (context.format() == OutputFormat::table) {
    context.print_rows(secrets.at("keys"), {{"KEY", "id"},
                                            {"STATE", "state"},
                                            {"VALUES", "values"},
                                            {"CREATED", "created_at"},
                                            {"RETIRED", "retired_at"}});
  } else {
    context.print_object(secrets);
  }
  say_what_is_open(context, secrets);
  return 0;
}

Result<int> rotate(Context& context, std::int64_t timeout_s) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/api/secrets/rotate-master-key"));
  const std::string id(answer.at("operations").at(0).at("id").as_string());
  HOWDAH_TRY(const json::object operation,
             follow_operation(
                 context, id, std::chrono::seconds(timeout_s),
                 [&context](std::int64_t percent) { context.say(fmt::format("{} %", percent)); }));
  if (operation.at("state").as_string() != "finished") {
    const json::value& error = operation.at("error");
    const bool told = error.is_object() && error.as_object().contains("message");
    return fail(ErrorCode::conflict,
                told ? std::string(error.at("message").as_string())
                     : fmt::format("operation {} was not finished", id),
                "howdah secrets status shows how far it came; a sweep goes on every night");
  }
  context.print_object(operation.at("result").as_object());
  context.say(
      "The recovery key has changed: show it with howdah recovery-key and save it. Keep the old "
      "one as long as you keep dumps of the catalog from before.");
  return 0;
}

}  // namespace

void add_secrets_commands(CLI::App& app, Context& context) {
  CLI::App* secrets =
      app.add_subcommand("secrets", "The key that seals every password")->require_subcommand(1);
  CLI::App* status = secrets->add_subcommand("status", "Show the keys and what each has sealed");
  add_example(*status, "howdah secrets status");
  status->callback([&context] { context.action = [&context] { return show_status(context); }; });
  auto timeout_s = std::make_shared<std::int64_t>(1'800);
  CLI::App* change = secrets->add_subcommand(
      "rotate", "Make a new key and seal every password with it; the recovery key changes");
  change->add_option("--timeout", *timeout_s, "Seconds to wait for it")
      ->check(CLI::Range(1, 86'400));
  add_example(*change, "howdah secrets rotate && howdah recovery-key");
  change->callback([&context, timeout_s] {
    context.action = [&context, timeout_s] { return rotate(context, *timeout_s); };
  });
  add_secrets_restore(*secrets, context);
}

}  // namespace howdah::cli
