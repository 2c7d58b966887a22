// SPDX-License-Identifier: Apache-2.0
// howdah service install|remove|status.
#include "cli/commands/service_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/command_line.h"
#include "cli/context.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

struct ServiceOptions {
  bool dry_run = false;
  bool no_start = false;
  std::string destination;
};

std::vector<ManualPage> pages() {
  Context context;
  CLI::App app;
  build_tree(app, context);
  return manual_pages(app);
}

// What was said on this command line or in this environment, and so would be lost at a start by the
// service manager. Files are read by the service itself.
std::vector<std::string> arguments_of(const Context& context) {
  std::vector<std::string> arguments;
  for (const Setting& setting : all_settings()) {
    const SettingValue& value = context.config().value(setting.name);
    if (setting.use != SettingUse::up || value.origin > Origin::environment) continue;
    if (setting.kind != SettingKind::boolean) {
      std::error_code error;
      const bool is_path = setting.kind == SettingKind::path;
      arguments.push_back(fmt::format("--{}", setting.name));
      arguments.push_back(is_path ? fs::absolute(value.text, error).string() : value.text);
    } else if (is_true(value.text) != is_true(setting.fallback)) {
      arguments.push_back(fmt::format("--{}{}", is_true(value.text) ? "" : "no-", setting.name));
    }
  }
  return arguments;
}

std::string systemctl(const ServiceSettings& settings) {
  return settings.system ? "systemctl" : "systemctl --user";
}

void say_what_to_do(const Context& context, const ServiceSettings& settings) {
  context.say(
      fmt::format("systemd does not run here. Where it does: {0} daemon-reload && {0} "
                  "enable --now {1}",
                  systemctl(settings), unit_name(settings)));
}

Result<void> start_service(const Context& context, const ServiceSettings& settings,
                           const ServiceOptions& options) {
  if (!has_service_manager(settings.system)) {
    say_what_to_do(context, settings);
    return {};
  }
  HOWDAH_CHECK(service_manager(settings.system, {"daemon-reload"}));
  HOWDAH_CHECK(service_manager(settings.system, {"enable", unit_name(settings)}));
  if (options.no_start) return {};
  context.say(fmt::format("Starting {} ...", unit_name(settings)));
  HOWDAH_CHECK(service_manager(settings.system, {"restart", unit_name(settings)}));
  return {};
}

Result<int> install(Context& context, const ServiceOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("a service is made"));
  HOWDAH_TRY(const ServiceSettings settings, service_settings(context, options.destination));
  if (options.dry_run) {
    fmt::print("# {}\n{}", unit_file(settings).string(), unit_text(settings));
    for (const PlacedFile& file : shared_files(settings, pages())) {
      context.say(fmt::format("{}{}{}", file.path.string(), file.link ? " -> " : "",
                              file.link ? file.content : ""));
    }
    return 0;
  }
  const auto lock = os::try_lock(settings.layout.data / "lock");
  const bool installed = fs::exists(unit_file(settings));
  if (settings.destination.empty() && !installed && lock && !*lock) {
    return fail(ErrorCode::already_running,
                fmt::format("a 'howdah up' runs on {}", settings.layout.data.string()),
                "end it first (Ctrl-C there)");
  }
  auto files = shared_files(settings, pages());
  files.push_back({unit_file(settings), unit_text(settings)});
  HOWDAH_CHECK(place_files(files));
  context.say(fmt::format("Wrote {}.", unit_file(settings).string()));
  if (settings.destination.empty()) HOWDAH_CHECK(start_service(context, settings, options));
  if (!settings.system) {
    context.say(fmt::format("It ends when you log out. To let it go on: loginctl enable-linger {}",
                            os::user_name(::geteuid()).value_or("$USER")));
  }
  if (context.format() != OutputFormat::table) {
    context.print_object({{"unit", unit_name(settings)}, {"file", unit_file(settings).string()}});
  }
  return 0;
}

Result<int> remove(Context& context, const ServiceOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("a service is made"));
  HOWDAH_TRY(const ServiceSettings settings, service_settings(context, options.destination));
  HOWDAH_TRY(const auto gone, remove_service(settings));
  for (const os::Path& path : gone) context.say(fmt::format("Removed {}.", path.string()));
  if (gone.empty()) context.say("There was no service.");
  return 0;
}

Result<int> show_service(Context& context, const ServiceOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("a service is made"));
  HOWDAH_TRY(const ServiceSettings settings, service_settings(context, options.destination));
  const bool installed = fs::exists(unit_file(settings));
  boost::json::object status{{"unit", unit_name(settings)},
                             {"file", unit_file(settings).string()},
                             {"installed", installed}};
  const bool managed = settings.destination.empty() && has_service_manager(settings.system);
  for (const char* what : {"enabled", "active"}) {
    status[what] = nullptr;
    if (!managed) continue;
    const std::string question = fmt::format("is-{}", what);
    status[what] =
        service_manager(settings.system, {question, "--quiet", unit_name(settings)}).has_value();
  }
  context.print_object(status);
  if (!managed) context.say("systemd does not run here.");
  return installed ? 0 : info_of(ErrorCode::not_found).exit_code;
}

}  // namespace

Result<ServiceSettings> service_settings(const Context& context, const std::string& destination) {
  std::error_code error;
  ServiceSettings settings;
  const std::string& folder = context.config().text("data-dir");
  settings.layout = layout_of(folder.empty() ? default_data_directory() : os::Path(folder));
  settings.program = fs::canonical("/proc/self/exe", error);
  if (error) return fail_errno("find this program", error.value());
  settings.system = ::geteuid() == 0;
  settings.home = environment_value("HOME").value_or("");
  if (!settings.system && settings.home.empty()) {
    return fail(ErrorCode::config_invalid, "there is no home folder", "set HOME");
  }
  if (!destination.empty()) settings.destination = fs::absolute(destination, error);
  settings.arguments = arguments_of(context);
  return settings;
}

Result<std::vector<os::Path>> remove_service(const ServiceSettings& settings) {
  const os::Path file = unit_file(settings);
  const bool managed = settings.destination.empty() && has_service_manager(settings.system);
  if (fs::exists(file) && managed) {
    HOWDAH_CHECK(service_manager(settings.system, {"disable", "--now", unit_name(settings)}));
  }
  HOWDAH_TRY(auto gone, take_away_files({{file, ""}}));
  if (managed && !gone.empty()) {
    HOWDAH_CHECK(service_manager(settings.system, {"daemon-reload"}));
  }
  // Links and pages stay while another folder's unit needs them.
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(unit_folder(settings), error)) {
    if (entry.path().filename().string().starts_with("howdah")) return gone;
  }
  HOWDAH_TRY(const auto shared, take_away_files(shared_files(settings, pages())));
  gone.insert(gone.end(), shared.begin(), shared.end());
  return gone;
}

void add_service_commands(CLI::App& app, Context& context) {
  CLI::App* service = app.add_subcommand("service", "Run Howdah by systemd, from boot on");
  service->require_subcommand(1);
  auto options = std::make_shared<ServiceOptions>();
  const auto add = [&](const char* name, const char* help, auto run) {
    CLI::App* command = service->add_subcommand(name, help);
    command
        ->add_option("--destdir", options->destination,
                     "Put files under this folder and start nothing (for packages and images)")
        ->type_name("PATH");
    command->callback([&context, options, run] {
      context.sources.older_variables = true;
      context.action = [&context, options, run] { return run(context, *options); };
    });
    return command;
  };
  CLI::App* made = add("install", "Install the unit and start it", install);
  made->add_flag("--dry-run", options->dry_run, "Only print what would be written");
  made->add_flag("--no-start", options->no_start, "Start it at the next boot only");
  for (const Setting& setting : all_settings()) {
    if (setting.use == SettingUse::up) add_setting(*made, context, setting.name);
  }
  add_example(*made, "sudo howdah service install");
  add_example(*made, "howdah service install --dry-run");
  add_example(*add("remove", "Stop and remove the unit; the data stays", remove),
              "sudo howdah service remove");
  add_example(*add("status", "Show whether the unit is there and runs", show_service),
              "howdah service status");
  add_uninstall_command(app, context);
}

}  // namespace howdah::cli
