// SPDX-License-Identifier: Apache-2.0
// The flock that says whether any process of an instance is alive, and the search for those that
// hold it. The lock belongs to the open file that the postmaster inherited and its children share,
// so it is free exactly when the last of them has ended.
//
// The tenant may have become the OS user of its instance: it can then give up its own lock or
// write what it likes into its own directory, and harms only itself. So a process is touched only
// when it runs as the instance's user and has this very lock file open.
// All functions block.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instance/place.h"
#include "os/process.h"

namespace howdah::instance::detail {

// What postmaster.pid tells about the server that wrote it, alive or not.
struct PidFile {
  pid_t pid = 0;
  bool ready = false;           // its last line says that it accepts connections
  std::int64_t changed_ns = 0;  // mtime, to tell a stale file from a new one of the same pid
};
// Empty: there is none, or it is unreadable or unfinished.
std::optional<PidFile> read_pid_file(const os::Path& data_directory);
// The same without the file: its whole text.
std::optional<PidFile> parse_pid_file(std::string_view text);

// Read-only, since a process of the tenant inherits it. Empty: a process of the instance has it.
Result<std::optional<os::UniqueFd>> take_lock(const InstancePlace& place);

// Either the postmaster that runs at the place, or the lock: then nothing does.
struct Occupant {
  std::optional<os::Process> postmaster;
  std::optional<os::UniqueFd> lock;
};
// Orphans, whose postmaster is dead, are killed on the way. uid: whom the instance runs as.
// Errors: timeout when something holds the lock and can neither be adopted nor killed.
Result<Occupant> find_occupant(const InstancePlace& place, uid_t uid);

// Kills all processes of the instance, the postmaster too, and waits until they have ended. uids:
// whom they run as; mostly one.
Result<void> kill_holders(const InstancePlace& place, const std::vector<uid_t>& uids);

}  // namespace howdah::instance::detail
