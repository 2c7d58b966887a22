// SPDX-License-Identifier: Apache-2.0
// howdah uninstall: everything that Howdah put on this machine goes; the data only with --purge.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <thread>

#include "base/json.h"
#include "cli/commands/service_commands.h"
#include "cli/start/daemon_users.h"
#include "cli/start/folder_place.h"
#include "os/uid_lease.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStopLimit{90};

struct UninstallOptions {
  bool purge = false;
  std::string folder;
  std::string destination;
};

bool is_used(const Layout& layout) {
  std::error_code error;
  if (!fs::exists(layout.data / "lock", error)) return false;
  const auto lock = os::try_lock(layout.data / "lock");
  return lock && !*lock;
}

// The `howdah up` of the folder, by its connection.json and what the kernel says of that process.
Result<os::Process> find_running(const Layout& layout) {
  const auto unknown = [&] {
    return fail(ErrorCode::conflict,
                fmt::format("a Howdah that is starting or stopping uses {}", layout.data.string()),
                "end it, and try again");
  };
  const auto text = os::read_file(layout.connection_file(), 64_KiB);
  const auto value = text ? parse_json(*text) : Result<json::value>(std::unexpected(text.error()));
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* pid = object != nullptr ? object->if_contains("pid") : nullptr;
  if (pid == nullptr || !pid->is_int64()) return unknown();
  auto process = os::Process::adopt(static_cast<pid_t>(pid->get_int64()));
  if (!process) return unknown();
  std::error_code error;
  const os::Path program = fs::read_symlink(fmt::format("/proc/{}/exe", process->pid()), error);
  // "howdah (deleted)" after an upgrade.
  if (error || !program.filename().string().starts_with("howdah")) return unknown();
  return process;
}

Result<void> stop_running(const Context& context, const Layout& layout) {
  if (!is_used(layout)) return {};
  HOWDAH_TRY(const os::Process process, find_running(layout));
  context.say("Stopping it ...");
  HOWDAH_CHECK(process.signal(SIGTERM));
  const auto deadline = steady_clock::now() + kStopLimit;
  while (is_used(layout)) {
    if (steady_clock::now() > deadline) {
      return fail(
          ErrorCode::timeout,
          fmt::format("process {} did not stop within {} s", process.pid(), kStopLimit.count()),
          "look into " + (layout.data / "logs").string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return {};
}

// A mount left by a crash would let its files be deleted through it, and keep the image.
Result<void> check_no_mounts(const Layout& layout) {
  std::ifstream in("/proc/self/mounts");
  for (std::string source, target, rest; in >> source >> target && std::getline(in, rest);) {
    if (!(target + "/").starts_with(layout.data.string() + "/")) continue;
    return fail(ErrorCode::conflict, fmt::format("{} is still mounted", target),
                fmt::format("start Howdah once more and end it, or: umount {}", target));
  }
  return {};
}

Result<void> purge(const Context& context, const ServiceSettings& settings) {
  const Layout& layout = settings.layout;
  HOWDAH_CHECK(check_no_mounts(layout));
  const auto id = os::folder_id_at(layout.data);
  HOWDAH_CHECK(os::remove_tree(layout.data));
  // Only now: the next owner of the user ids would own what is left of the files.
  if (id && ::geteuid() == 0) HOWDAH_CHECK(os::release_uids(*id));
  context.say(fmt::format("Removed {} and everything in it.", layout.data.string()));
  if (::geteuid() != 0 || !settings.destination.empty()) return {};
  HOWDAH_TRY(const auto removed, remove_daemon_users());
  for (const std::string& name : removed) context.say(fmt::format("Removed user {}.", name));
  return {};
}

Result<void> ask(const Context& context, const UninstallOptions& options, const Layout& layout) {
  const std::string folder = layout.data.string();
  if (!options.purge) {
    return context.confirm("Howdah is stopped and its service removed; the data stays.",
                           "uninstall");
  }
  std::error_code error;
  if (!fs::exists(layout.data / "howdah.json", error)) {
    return fail(ErrorCode::not_found, fmt::format("{} is no data folder", folder),
                "name it with --data-dir");
  }
  if (options.folder.empty()) {
    return context.confirm_typed(
        fmt::format("All databases in {} will be gone for ever.", folder), folder,
        fmt::format("name the folder once more: --purge --folder {}", folder));
  }
  if (options.folder == folder) return {};
  return fail(ErrorCode::invalid_request,
              fmt::format("--folder is '{}', but the data folder is '{}'", options.folder, folder),
              "nothing was removed");
}

Result<int> uninstall(Context& context, const UninstallOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("this is done"));
  HOWDAH_TRY(const ServiceSettings settings, service_settings(context, options.destination));
  const Layout& layout = settings.layout;
  HOWDAH_CHECK(ask(context, options, layout));
  HOWDAH_TRY(const auto gone, remove_service(settings));
  for (const os::Path& path : gone) context.say(fmt::format("Removed {}.", path.string()));
  HOWDAH_CHECK(stop_running(context, layout));
  // What a crash may have left: the mount of the volume, its loop device, sockets.
  HOWDAH_TRY(const auto released, release_machine(layout));
  for (const std::string& line : released) context.say(line);
  if (options.purge) {
    HOWDAH_CHECK(purge(context, settings));
  } else {
    context.say(fmt::format("The data is still in {}.", layout.data.string()));
  }
  context.say("Howdah is uninstalled. Its programs and your settings stay where they are.");
  return 0;
}

}  // namespace

void add_uninstall_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<UninstallOptions>();
  CLI::App* command = app.add_subcommand(
      "uninstall", "Stop Howdah and remove what it put on this machine; the data stays");
  command->add_flag("--purge", options->purge, "Remove the data folder, too; asks for its name");
  command->add_option("--folder", options->folder, "The answer to that question, for scripts")
      ->type_name("PATH");
  command
      ->add_option("--destdir", options->destination,
                   "Where 'service install --destdir' put its files")
      ->type_name("PATH");
  add_example(*command, "sudo howdah uninstall");
  add_example(*command, "sudo howdah uninstall --purge");
  command->callback([&context, options] {
    context.action = [&context, options] { return uninstall(context, *options); };
  });
}

}  // namespace howdah::cli
