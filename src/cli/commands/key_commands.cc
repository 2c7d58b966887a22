// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"

namespace howdah::cli {
namespace {

struct KeyOptions {
  std::string name;
  std::string scope = "write";
  std::string expires_at;
};

Result<int> create_key(Context& context, const KeyOptions& options) {
  boost::json::object body{{"name", options.name},
                           {"scopes", boost::json::array{boost::json::value(options.scope)}}};
  if (!options.expires_at.empty()) body["expiresAt"] = options.expires_at;
  HOWDAH_TRY(const auto answer, context.call(http::Method::post, "/api/keys", body));
  if (context.quiet && context.format() == OutputFormat::table) {
    fmt::print("{}\n", std::string_view(answer.at("data").at("key").as_string()));
    return 0;
  }
  context.print_object(answer.at("data"));
  context.say("The key is shown only now.");
  return 0;
}

Result<int> list_keys(Context& context) {
  HOWDAH_TRY(const auto answer, context.list("/api/keys"));
  context.print_rows(answer, {{"ID", "id"},
                              {"NAME", "name"},
                              {"PREFIX", "prefix"},
                              {"SCOPES", "scopes"},
                              {"LAST USED", "last_used_at"},
                              {"EXPIRES", "expires_at"}});
  return 0;
}

Result<int> revoke_key(Context& context, const std::string& id) {
  HOWDAH_TRY(const auto answer, context.call(http::Method::del, "/api/keys/" + id));
  context.say("Revoked.");
  return 0;
}

}  // namespace

void add_key_commands(CLI::App& app, Context& context) {
  CLI::App* key = app.add_subcommand("key", "API keys")->require_subcommand(1);
  auto options = std::make_shared<KeyOptions>();
  CLI::App* create = key->add_subcommand("create", "Make an API key");
  create->add_option("name", options->name, "What it is for")->required();
  create->add_option("--scope", options->scope, "read, write or admin")
      ->check(CLI::IsMember({"read", "write", "admin"}));
  create->add_option("--expires-at", options->expires_at, "Such as 2027-01-01T00:00:00.000Z");
  create->callback([&context, options] {
    context.action = [&context, options] { return create_key(context, *options); };
  });
  add_example(*create, "howdah key create ci --scope write");
  CLI::App* list = key->add_subcommand("list", "List API keys");
  add_example(*list, "howdah key list");
  list->callback([&context] { context.action = [&context] { return list_keys(context); }; });
  auto id = std::make_shared<std::string>();
  CLI::App* revoke = key->add_subcommand("revoke", "Revoke an API key at once");
  add_example(*revoke, "howdah key revoke 0b9c...");
  revoke->add_option("id", *id, "Its id")->required();
  revoke->callback(
      [&context, id] { context.action = [&context, id] { return revoke_key(context, *id); }; });
}

}  // namespace howdah::cli
