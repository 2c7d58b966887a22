// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "cli/context.h"

namespace howdah::cli {
namespace {

struct RotateOptions {
  std::string database;
  std::string role;
  std::string grace;
  bool revoke_old = false;
  bool cut_sessions = false;
  bool dry_run = false;
};

// "24h", "30m", "7d", "90s", "90": seconds.
Result<std::int64_t> read_seconds(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  std::optional<std::int64_t> factor;
  if (unit.empty() || unit == "s") factor = 1;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3'600;
  if (unit == "d") factor = 86'400;
  constexpr std::int64_t kMax = 1'000'000'000;
  if (error != std::errc{} || !factor || number < 0 || number > kMax) {
    return fail(ErrorCode::invalid_request, fmt::format("'{}' is not a length of time", text),
                "write it like 24h, 30m, 7d or 0");
  }
  return number * *factor;
}

Result<int> rotate(Context& context, const RotateOptions& options) {
  boost::json::object body;
  if (!options.role.empty()) body["role"] = options.role;
  if (!options.grace.empty()) {
    HOWDAH_TRY(body["graceSeconds"], read_seconds(options.grace));
  }
  if (options.revoke_old) body["revokeOld"] = true;
  if (options.cut_sessions) body["cutSessions"] = true;
  HOWDAH_TRY(const auto database, context.find_database(options.database));
  const std::string id(database.at("id").as_string());
  http::Query query;
  if (options.dry_run) query.emplace_back("dry_run", "true");
  HOWDAH_TRY(const auto answer,
             context.call(http::Method::post, "/api/databases/" + id + "/rotate-password", body,
                          std::move(query)));
  context.print_object(answer.at("data").as_object());
  context.say(answer.at("message").as_string());
  return 0;
}

Result<int> list(Context& context, const std::string& name) {
  HOWDAH_TRY(const auto database, context.find_database(name));
  const std::string id(database.at("id").as_string());
  HOWDAH_TRY(const auto rows, context.list("/api/databases/" + id + "/credentials"));
  context.print_rows(rows, {{"ROLE", "role"},
                            {"GENERATION", "generation"},
                            {"SET BY", "set_by"},
                            {"VALID", "valid"},
                            {"FROM", "valid_from"},
                            {"UNTIL", "valid_until"},
                            {"LAST SEEN", "last_seen"},
                            {"PROBLEM", "role_problem"}});
  return 0;
}

}  // namespace

void add_password_commands(CLI::App& app, Context& context) {
  CLI::App* db = app.get_subcommand("db");
  auto options = std::make_shared<RotateOptions>();
  CLI::App* rotating =
      db->add_subcommand("rotate", "Make a new password; both are valid for a while");
  rotating->add_option("name", options->database, "Name, database name or id")->required();
  rotating->add_option("--grace", options->grace,
                       "How long the old password stays valid: 24h (the default), 30m, 0");
  rotating->add_option("--role", options->role, "Its full name (default: the owner)");
  rotating->add_flag("--revoke-old", options->revoke_old,
                     "Make no password; end all but the newest now");
  rotating->add_flag("--cut-sessions", options->cut_sessions, "End open sessions of the role too");
  rotating->add_flag("--dry-run", options->dry_run, "Show what would be done, and do nothing");
  rotating->callback([&context, options] {
    context.action = [&context, options] { return rotate(context, *options); };
  });
  auto name = std::make_shared<std::string>();
  add_example(*rotating, "howdah db rotate shop");
  CLI::App* listing = db->add_subcommand("credentials", "List the passwords, without them");
  add_example(*listing, "howdah db credentials shop");
  listing->add_option("name", *name, "Name, database name or id")->required();
  listing->callback(
      [&context, name] { context.action = [&context, name] { return list(context, *name); }; });
}

}  // namespace howdah::cli
