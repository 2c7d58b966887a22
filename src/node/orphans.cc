// SPDX-License-Identifier: Apache-2.0
#include "node/orphans.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <charconv>
#include <csignal>

#include "base/log.h"
#include "node/shared_memory.h"
#include "nodeapi/messages.h"

namespace howdah::node {
namespace {

namespace fs = std::filesystem;

// The user ids of this folder's range that belong to nobody.
class Nobodys {
 public:
  Nobodys(const Environment& environment, const Inventory& inventory)
      : range_(environment.uids), any_(environment.users.privileged) {
    for (const Manifest& manifest : inventory.instances) known_.insert(manifest.uid);
    for (const uid_t uid : inventory.kept_uids) known_.insert(uid);
    known_.insert(environment.catalog_uid());
  }
  bool is(uid_t uid) const {
    return any_ && uid > range_.first && uid - range_.first < range_.count && !known_.contains(uid);
  }

 private:
  os::UidRange range_;
  bool any_;
  std::set<uid_t> known_;
};

// Of an instance of this folder: it works in the folder, or did before that was deleted. A user id
// alone says too little: ranges are the host's only as long as all keep to its list of leases.
bool works_below(const os::Path& process, const std::string& folder) {
  std::error_code ignored;
  if (fs::read_symlink(process / "cwd", ignored).string().starts_with(folder + "/")) return true;
  const std::string line = os::read_file(process / "cmdline", 1_MiB).value_or("");
  return line.find(std::string(1, '\0') + folder + "/") != std::string::npos;
}

struct Running {
  std::vector<OrphanProcess> orphans;
  std::set<uid_t> users;  // of all processes
};

Running find_processes(const Nobodys& nobodys, const std::string& folder) {
  Running found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename();
    OrphanProcess process;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process.pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    struct stat info{};
    if (::stat(entry.path().c_str(), &info) != 0) continue;
    found.users.insert(info.st_uid);
    if (!nobodys.is(info.st_uid) || !works_below(entry.path(), folder)) continue;
    process.uid = info.st_uid;
    process.program = os::read_file(entry.path() / "comm", 4_KiB).value_or("");
    while (process.program.ends_with('\n')) process.program.pop_back();
    found.orphans.push_back(std::move(process));
  }
  return found;
}

Result<void> end_process(const OrphanProcess& orphan) {
  const auto process = os::Process::adopt(orphan.pid);
  if (!process && process.error().code == ErrorCode::not_found) return {};
  if (!process) return std::unexpected(process.error());
  // The pid may be somebody else's by now; from here on it cannot become so.
  struct stat info{};
  const std::string place = fmt::format("/proc/{}", orphan.pid);
  if (::stat(place.c_str(), &info) != 0 || info.st_uid != orphan.uid) return {};
  log::info("orphans", "ending process {} ({}) of user {}, whose instance is gone", orphan.pid,
            orphan.program, orphan.uid);
  const auto sent = process->signal(SIGKILL);
  return sent || sent.error().code == ErrorCode::not_found ? Result<void>() : sent;
}

}  // namespace

Orphans find_orphans(const Environment& environment, const Inventory& inventory) {
  Orphans orphans;
  std::set<std::string> known;
  for (const Manifest& manifest : inventory.instances) known.insert(manifest.id.str());
  for (const InstanceId& id : inventory.maybe_running) {
    // One whose manifest cannot be read may run; it is left alone with all it has.
    const bool there = fs::exists(environment.place_of(id).directory);
    if (known.contains(id.str()) || there || id.str() == "catalog") continue;
    orphans.socket_directories.push_back(environment.place_of(id).socket_directory);
  }
  const Nobodys nobodys(environment, inventory);
  const Running running = find_processes(nobodys, environment.volume->root().string());
  orphans.processes = running.orphans;
  for (const uid_t uid : shared_memory_owners()) {
    if (nobodys.is(uid) && !running.users.contains(uid)) orphans.memory_owners.push_back(uid);
  }
  return orphans;
}

Result<void> remove_orphans(const Orphans& orphans) {
  Result<void> result;
  const auto note = [&result](Result<void> done) {
    if (!done && result) result = std::move(done);
  };
  for (const OrphanProcess& process : orphans.processes) note(end_process(process));
  for (const uid_t uid : orphans.memory_owners) {
    log::info("orphans", "removing shared memory of user {}, whose instance is gone", uid);
    note(remove_shared_memory(uid));
  }
  for (const os::Path& directory : orphans.socket_directories) {
    log::info("orphans", "removing {}, whose instance is gone", directory.string());
    note(os::remove_tree(directory));
  }
  return result;
}

}  // namespace howdah::node
