// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <ranges>

#include "cli/context.h"
#include "cli/start/up.h"

namespace howdah::cli {
namespace {

std::uint16_t port_of(const Configuration& config, std::string_view name) {
  return static_cast<std::uint16_t>(config.integer(name));
}

std::vector<std::string> split_paths(const std::string& joined) {
  std::vector<std::string> paths;
  for (const auto part : std::views::split(joined, ':'))
    paths.emplace_back(part.begin(), part.end());
  return paths;
}

UpOptions options_of(const Context& context) {
  const Configuration& config = context.config();
  const std::string& folder = config.text("data-dir");
  UpOptions options;
  options.data_directory = folder.empty() ? default_data_directory() : os::Path(folder);
  options.listen = config.text("listen");
  options.http_port = port_of(config, "http-port");
  options.direct_port = port_of(config, "direct-port");
  options.pooled_port = port_of(config, "pooled-port");
  options.pooled = config.flag("pooled");
  options.public_host = config.text("public-host");
  options.domain = config.text("domain");
  options.email = config.text("email");
  options.rate_limit = config.text("rate-limit");
  options.postgres_directories = split_paths(config.text("postgres-dir"));
  options.volume_driver = config.text("volume-driver");
  options.volume_size = config.text("volume-size");
  options.size_class = config.text("size-class");
  options.sandbox = config.text("sandbox");
  if (!config.text("spares").empty()) options.spares = static_cast<int>(config.integer("spares"));
  options.sample = config.flag("sample");
  // A key of a file is this user's own for another machine, not one to begin with.
  if (config.value("api-key").origin == Origin::environment) {
    options.preset_key = config.text("api-key");
  }
  options.quiet = context.quiet;
  return options;
}

Result<int> start(const Context& context) {
  for (const std::string& note : Configuration::foreign_notes(environment_value)) {
    context.say(note);
  }
  return run_up(options_of(context));
}

}  // namespace

void add_up_command(CLI::App& app, Context& context) {
  CLI::App* up = app.add_subcommand("up", "Start Howdah in the foreground");
  for (const Setting& setting : all_settings()) {
    if (setting.use == SettingUse::up) add_setting(*up, context, setting.name);
  }
  add_example(*up, "howdah up");
  add_example(*up, "howdah up --data-dir /srv/howdah --http-port 3001");
  up->callback([&context] {
    context.sources.older_variables = true;
    context.action = [&context] { return start(context); };
  });
}

}  // namespace howdah::cli
