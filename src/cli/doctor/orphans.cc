// SPDX-License-Identifier: Apache-2.0
// What exists and should not: of each kind, what is left, and the way to put it right.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "cli/doctor/doctor.h"
#include "os/mount.h"
#include "os/uid_lease.h"

namespace howdah::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kName = "orphans";

std::string text_of(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

// What the catalog and the node disagree about.
Findings check_catalog(const CallApi& call) {
  const auto answer = call(http::Method::get, "/internal/orphans");
  if (!answer) return {};  // check_health() says that it does not answer
  Findings found;
  for (const auto& row : answer->at("data").as_array()) {
    const auto& orphan = row.as_object();
    const std::string id = text_of(orphan, "instance_id");
    if (text_of(orphan, "kind") == "branch_without_instance") {
      found.push_back({Status::fail, kName,
                       fmt::format("instance {} of a database is not on the node", id),
                       "that database cannot be used",
                       "look for its folder in orphans/ of the volume and in backups; when it is "
                       "really gone: howdah db delete"});
      continue;
    }
    const std::string path = "/internal/orphans/" + id + "/set-aside";
    found.push_back(
        {Status::warn, kName,
         fmt::format("instance {} ({}) belongs to no database", id, text_of(orphan, "name")),
         "it is stopped and takes space; an older catalog may have been put back, so it "
         "may be somebody's only copy",
         "look into it with 'howdah rescue' while Howdah is down, or set it aside: "
         "howdah doctor --fix",
         fmt::format("move instance {} with all its data to orphans/ of the volume", id),
         [call, path]() -> Result<void> {
           HOWDAH_CHECK(call(http::Method::post, path));
           return {};
         }});
  }
  return found;
}

// Kept for people to look at; only they know whether it can go.
Findings check_set_aside(const os::Path& volume) {
  std::error_code ignored;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(volume / "orphans", ignored)) {
    names.push_back(entry.path().filename());
  }
  if (names.empty()) return {};
  std::ranges::sort(names);
  return {
      {Status::note, kName,
       fmt::format("{} set aside, the oldest is {}", names.size(), names.front()),
       "they take space",
       fmt::format("when nobody misses them: rm -r {}", (volume / "orphans" / "NAME").string())}};
}

Findings check_unreadable(const os::Path& volume) {
  std::error_code ignored;
  Findings found;
  for (const auto& entry : fs::directory_iterator(volume / "instances", ignored)) {
    const auto text = os::read_file(entry.path() / "instance.json", 1_MiB);
    boost::json::error_code error;
    if (text) (void)boost::json::parse(*text, error);
    if (!text || !error) continue;
    found.push_back(
        {Status::fail, kName,
         fmt::format("{} cannot be read", (entry.path() / "instance.json").string()),
         "that instance is not served; its data is left alone",
         "restore the file from a copy of the folder (docs/formats/instance-manifest.md)"});
  }
  return found;
}

// A folder of sockets alone, of something that does not run.
Finding stale_folder(const os::Path& folder, const std::string& whose) {
  return {Status::warn,
          kName,
          fmt::format("{} is left of {}", folder.string(), whose),
          "nothing uses it",
          "howdah doctor --fix",
          "remove " + folder.string(),
          [folder] { return os::remove_tree(folder); }};
}

// Only while nothing of the folder runs.
Findings check_mount(const Subject& subject) {
  const os::Path volume = subject.layout.data / "volume";
  if (::geteuid() != 0 || subject.running || !subject.processes.empty()) return {};
  const auto mounted = os::mounted_at(volume);
  if (!mounted || !*mounted) return {};
  return {{Status::warn, kName, volume.string() + " is mounted although nothing runs",
           "the next start uses it as it is", "start Howdah, or: howdah doctor --fix",
           "unmount " + volume.string(), [volume] { return os::unmount(volume); }}};
}

// Servers that nobody watches: of a folder that was deleted under them.
Findings check_processes_of_nobody(const Subject& subject) {
  if (::geteuid() != 0 || subject.running) return {};
  const auto id = os::folder_id_at(subject.layout.data);
  const auto leases = os::uid_leases();
  if (!id || !leases) return {};
  Findings found;
  for (const auto& process : subject.processes) {
    if (process.program != "postgres") continue;
    std::error_code ignored;
    const os::Path place = fmt::format("/proc/{}/cwd", process.pid);
    const std::string works_in = fs::read_symlink(place, ignored).string();
    if (!works_in.ends_with(" (deleted)")) continue;
    const pid_t pid = process.pid;
    found.push_back({Status::warn, kName, fmt::format("process {} serves {}", pid, works_in),
                     "its files are deleted: nothing that it is told is kept",
                     "howdah doctor --fix", fmt::format("end process {}", pid),
                     [pid]() -> Result<void> {
                       HOWDAH_TRY(const auto server, os::Process::adopt(pid));
                       return server.signal(SIGQUIT);
                     }});
  }
  return found;
}

}  // namespace

std::vector<os::Path> stale_socket_folders(const os::Path& runtime, const os::Path& volume) {
  std::vector<os::Path> stale;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(runtime / "i", ignored)) {
    const std::string id = entry.path().filename();
    const bool known =
        id == "catalog" || id.starts_with("t-") || fs::exists(volume / "instances" / id, ignored);
    if (!known) stale.push_back(entry.path());
  }
  return stale;
}

Findings check_orphans(const Subject& subject, const CallApi& call) {
  Findings found;
  const auto add = [&found](Findings more) {
    for (Finding& finding : more) found.push_back(std::move(finding));
  };
  const os::Path volume = subject.layout.data / "volume";
  std::error_code ignored;
  if (subject.running) add(check_catalog(call));
  if (fs::exists(volume / "instances", ignored)) {
    add(check_unreadable(volume));
    add(check_set_aside(volume));
    // One that is being made has its folder on the volume first.
    for (const os::Path& folder : stale_socket_folders(subject.layout.runtime, volume)) {
      add({stale_folder(folder, "an instance that is gone")});
    }
  }
  const os::Path rescue = subject.layout.runtime.string() + "-r";
  const bool rescuing = std::ranges::any_of(subject.processes, [](const RunningProcess& process) {
    return process.program == "howdah-node";
  });
  if (fs::exists(rescue, ignored) && !rescuing) add({stale_folder(rescue, "a rescue")});
  add(check_mount(subject));
  add(check_processes_of_nobody(subject));
  if (found.empty()) found.push_back({Status::ok, kName, "none", "", ""});
  return found;
}

}  // namespace howdah::cli::doctor
