// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "cli/doctor/doctor.h"
#include "os/loop_device.h"
#include "os/mount.h"

namespace howdah::cli::doctor {
namespace {

namespace fs = std::filesystem;

// Each client is one descriptor, each database a few.
constexpr std::uint64_t kFilesMin = 4'096;
constexpr int kProgramLimit_ms = 3'000;

bool names_folder(const std::string& command_line, const std::string& folder) {
  for (const auto part : std::views::split(command_line, '\0')) {
    const std::string_view argument(part.begin(), part.end());
    if (argument == folder || argument.starts_with(folder + "/")) return true;
  }
  return false;
}

std::string systemctl(std::vector<std::string> arguments) {
  os::SpawnOptions options;
  options.arguments = {"/usr/bin/systemctl"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  const auto output = os::run(std::move(options), kProgramLimit_ms);
  if (!output) return "unknown";
  return output->text.substr(0, output->text.find('\n'));
}

std::vector<std::string> howdah_units() {
  std::vector<std::string> units;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/etc/systemd/system", ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("howdah") && name.ends_with(".service")) units.push_back(name);
  }
  std::ranges::sort(units);
  return units;
}

}  // namespace

std::vector<RunningProcess> find_processes(const Layout& layout) {
  std::vector<RunningProcess> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || pid == ::getpid()) continue;
    const std::string command = os::read_file(entry.path() / "cmdline", 1_MiB).value_or("");
    const std::string program = os::Path(command.substr(0, command.find('\0'))).filename().string();
    // Not an editor that has a file of it open, and not this command line.
    if (!program.starts_with("howdah") && program != "postgres") continue;
    if (program == "howdah" || !names_folder(command, layout.data.string())) continue;
    const std::string file = fs::read_symlink(entry.path() / "exe", ignored).string();
    found.push_back({pid, program, file.ends_with(" (deleted)")});
  }
  return found;
}

Findings check_processes(const Subject& subject) {
  Findings found;
  std::vector<std::string> replaced;
  for (const auto& process : subject.processes) {
    if (process.replaced && process.program.starts_with("howdah")) {
      replaced.push_back(fmt::format("{} (pid {})", process.program, process.pid));
    }
  }
  if (!replaced.empty()) {
    found.push_back({Status::warn, "versions",
                     fmt::format("{} run from files that were replaced", fmt::join(replaced, ", ")),
                     "the version on disk is not the one that serves",
                     "restart Howdah; sleeping databases and data are not touched"});
  } else if (subject.node && subject.node->version != HOWDAH_VERSION) {
    found.push_back(
        {Status::warn, "versions",
         fmt::format("{} runs, this program is {}", subject.node->version, HOWDAH_VERSION),
         "two versions on one data folder confuse each other",
         "restart Howdah with the newer version"});
  } else if (subject.running) {
    found.push_back({Status::ok, "versions", "what runs is what is on disk", "", ""});
  }
  pid_t gate = 0;
  for (const auto& process : subject.processes) {
    if (process.program == "howdah-gate") gate = process.pid;
  }
  const std::string place = gate == 0 ? "self" : fmt::format("{}", gate);
  if (const auto limits = os::read_file(fmt::format("/proc/{}/limits", place), 64_KiB)) {
    found.push_back(judge_file_limit(*limits));
  }
  return found;
}

Finding judge_file_limit(const std::string& limits) {
  constexpr std::string_view kName = "Max open files";
  std::uint64_t hard = 0;
  bool known = false;
  for (const auto part : std::views::split(limits, '\n')) {
    const std::string_view line(part.begin(), part.end());
    if (!line.starts_with(kName)) continue;
    // "Max open files            1024                 524288               files"
    const std::size_t soft_begin = line.find_first_not_of(' ', kName.size());
    const std::size_t soft_end = line.find(' ', soft_begin);
    const std::size_t hard_begin =
        soft_end == line.npos ? line.npos : line.find_first_not_of(' ', soft_end);
    if (hard_begin == line.npos) break;
    known = std::from_chars(line.data() + hard_begin, line.data() + line.size(), hard).ec ==
            std::errc();
  }
  if (!known) return {Status::ok, "open files", "no limit", "", ""};
  const std::string text = fmt::format("at most {} for each process", hard);
  if (hard >= kFilesMin) return {Status::ok, "open files", text, "", ""};
  return {Status::warn, "open files", text,
          "each client takes one: further ones are refused beyond that",
          fmt::format("raise it: LimitNOFILE={} in the service, or ulimit -n", kFilesMin * 16)};
}

// What a crash left; the next start puts most of it right, and says so.
Findings check_leftovers(const Subject& subject) {
  if (subject.running) return {};
  std::vector<std::string> left;
  for (const auto& process : subject.processes) {
    left.push_back(fmt::format("{} (pid {})", process.program, process.pid));
  }
  const os::Path volume = subject.layout.data / "volume";
  const auto mounted = os::mounted_at(volume);
  if (mounted && *mounted) left.push_back(fmt::format("{} is mounted", volume.string()));
  const os::Path image = subject.layout.data / "volume.img";
  std::error_code ignored;
  if (::geteuid() == 0 && fs::exists(image, ignored)) {
    const auto device = os::find_loop(image);
    if (device && *device) left.push_back(fmt::format("{} is attached", (*device)->path.string()));
  }
  if (fs::exists(subject.layout.runtime / "node.sock", ignored)) {
    left.push_back(subject.layout.runtime.string());
  }
  if (left.empty()) return {{Status::ok, "leftovers", "none of an earlier run", "", ""}};
  return {{Status::warn, "leftovers", fmt::format("{}", fmt::join(left, ", ")),
           "Howdah ended without stopping",
           "start it again: it takes over or cleans up what is there; stop it then as usual"}};
}

Findings check_service(const Subject&) {
  std::error_code ignored;
  const bool systemd = fs::exists("/run/systemd/system", ignored);
  const auto units = howdah_units();
  if (units.empty()) {
    return {{Status::note, "service", "not installed",
             "after a reboot Howdah is not started by itself",
             systemd ? "howdah service install"
                     : "this machine has no systemd: start 'howdah up' "
                       "from what starts its other programs"}};
  }
  if (!systemd) {
    return {{Status::note, "service", fmt::format("{} installed", fmt::join(units, ", ")),
             "systemd does not run here, so nothing starts it", ""}};
  }
  Findings found;
  for (const std::string& unit : units) {
    const std::string enabled = systemctl({"is-enabled", unit});
    const std::string active = systemctl({"is-active", unit});
    const std::string text = fmt::format("{} is {} and {}", unit, enabled, active);
    if (active == "failed") {
      found.push_back({Status::fail, "service", text, "it does not run",
                       fmt::format("journalctl -u {} -n 50", unit)});
    } else if (enabled == "disabled") {
      found.push_back({Status::warn, "service", text, "after a reboot it is not started",
                       fmt::format("systemctl enable {}", unit)});
    } else {
      found.push_back({Status::ok, "service", text, "", ""});
    }
  }
  return found;
}

}  // namespace howdah::cli::doctor
