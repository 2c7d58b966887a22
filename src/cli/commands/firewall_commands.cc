// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"

namespace howdah::cli {
namespace {

struct FirewallOptions {
  std::string database;
  std::string address;
  std::string description;
  std::string expires_at;
  std::string branch;
  std::string rule;
};

std::string text_of(const boost::json::value& object, std::string_view field) {
  const auto* value = object.as_object().if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// "/api/databases/{id}/whitelist" of the named database.
Result<std::string> path_of(Context& context, const std::string& name) {
  HOWDAH_TRY(const auto database, context.find_database(name));
  return "/api/databases/" + text_of(database, "id") + "/whitelist";
}

Result<int> add_rule(Context& context, const FirewallOptions& options) {
  boost::json::object body{{"ipAddress", options.address}};
  if (!options.description.empty()) body["description"] = options.description;
  if (!options.expires_at.empty()) body["expiresAt"] = options.expires_at;
  if (!options.branch.empty()) body["branch"] = options.branch;
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, path, body));
  context.print_object(answer.at("data"));
  context.say(text_of(answer, "message"));
  return 0;
}

Result<int> list_rules(Context& context, const FirewallOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const auto rules, context.list(path));
  context.print_rows(rules, {{"ID", "id"},
                             {"ADDRESS", "ip_address"},
                             {"BRANCH", "branch"},
                             {"EXPIRES", "expires_at"},
                             {"ADDED", "added_at"},
                             {"DESCRIPTION", "description"}});
  if (rules.empty()) context.say("No rules: the organisation's default holds.");
  return 0;
}

// A rule is named by its id, or by its address where only one rule has it.
Result<std::string> rule_id(Context& context, const std::string& path, const std::string& rule) {
  if (rule.find_first_of("./:") == std::string::npos) return rule;
  HOWDAH_TRY(const auto rules, context.list(path, {{"ipAddress", rule}}));
  if (rules.size() == 1) return text_of(rules.front(), "id");
  if (rules.empty()) {
    return fail(ErrorCode::not_found, fmt::format("no rule for {}", rule),
                "see: howdah firewall list");
  }
  return fail(ErrorCode::conflict, fmt::format("{} rules for {}", rules.size(), rule),
              "use the rule's id; see: howdah firewall list");
}

Result<int> remove_rule(Context& context, const FirewallOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const std::string id, rule_id(context, path, options.rule));
  HOWDAH_TRY(const auto answer, context.call(http::Method::del, path + "/" + id));
  context.say(text_of(answer, "message"));
  if (context.format() != OutputFormat::table) context.print_object(answer.at("data"));
  return 0;
}

Result<int> list_denied(Context& context, const FirewallOptions& options) {
  HOWDAH_TRY(const std::string path, path_of(context, options.database));
  HOWDAH_TRY(const auto denied, context.list(path + "/denied"));
  context.print_rows(denied, {{"ADDRESS", "address"},
                              {"ATTEMPTS", "count"},
                              {"DIRECT", "direct_count"},
                              {"POOLED", "pooled_count"},
                              {"BRANCH", "branch"},
                              {"FIRST", "first_at"},
                              {"LAST", "last_at"}});
  return 0;
}

}  // namespace

void add_firewall_commands(CLI::App& app, Context& context) {
  CLI::App* firewall =
      app.add_subcommand("firewall", "Which addresses may connect")->require_subcommand(1);
  auto options = std::make_shared<FirewallOptions>();
  const auto add_command = [&](const char* name, const char* help, auto run) {
    CLI::App* command = firewall->add_subcommand(name, help);
    add_database_argument(*command, options->database);
    command->callback([&context, options, run] {
      context.action = [&context, options, run] { return run(context, *options); };
    });
    return command;
  };
  CLI::App* add =
      add_command("add", "Allow an address; the first rule closes all others", add_rule);
  add->add_option("address", options->address, "Such as 203.0.113.7, 10.0.0.0/8, 2001:db8::/32")
      ->required();
  add->add_option("--description", options->description, "What it is for");
  add->add_option("--expires", options->expires_at, "Such as 2027-01-01T00:00:00Z");
  add->add_option("--branch", options->branch, "Only this branch");
  CLI::App* list = add_command("list", "List the addresses that may connect", list_rules);
  CLI::App* remove = add_command("remove", "Remove a rule; its sessions are cut", remove_rule);
  remove->add_option("rule", options->rule, "Its id or address")->required();
  add_example(*remove, "howdah firewall remove shop 203.0.113.7");
  add_example(*add, "howdah firewall add shop 203.0.113.0/24 --description office");
  add_example(*list, "howdah firewall list shop");
  add_example(*add_command("denied", "List the addresses that were refused", list_denied),
              "howdah firewall denied shop");
}

}  // namespace howdah::cli
