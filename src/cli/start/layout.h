// SPDX-License-Identifier: Apache-2.0
// Where everything of one data folder is, and the preparation of that folder before the daemons
// start. ARCHITECTURE.md shows the tree.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::cli {

struct Layout {
  os::Path data;     // absolute
  os::Path runtime;  // short: the sockets live here (a socket path has at most 107 bytes)

  os::Path connection_file() const { return data / "connection.json"; }
  os::Path control_socket() const { return runtime / "control.sock"; }
  os::Path node_socket() const { return runtime / "node.sock"; }
  os::Path gate_socket() const { return runtime / "gate.sock"; }
  os::Path log_file(const std::string& daemon) const { return data / "logs" / (daemon + ".log"); }
  os::Path ca_certificate() const { return data / "tls" / "ca.crt"; }
};

// /var/lib/howdah as root, else ~/.local/share/howdah.
os::Path default_data_directory();
// The same for talking to a Howdah: one that root runs counts where the caller has none.
os::Path default_running_directory();
// Who may command the Howdah that this process runs: the caller, also behind sudo.
os::UserIds commanding_user();
// The folder need not exist. The runtime folder's name is made from the data folder's real path.
Layout layout_of(const os::Path& data_directory);

// Where the programs of this one stand.
os::Path program_directory();

// The users that the daemons run as. Without root: all empty, everything runs as the caller.
struct DaemonUsers {
  std::optional<os::UserIds> control;
  std::optional<os::UserIds> gate;
  std::string control_name;
  std::string gate_name;
};
// Held while these users are made or removed.
inline constexpr const char* kUsersLock = "/run/howdah-users.lock";
struct DaemonNames {
  std::string control = "howdah";  // also the group of both
  std::string gate = "howdah-gate";
};
// As root: makes these system users when they are missing, one process of the machine at a time.
Result<DaemonUsers> ensure_daemon_users(const DaemonNames& names = {});

struct PreparedFolder {
  os::UniqueFd lock;  // held for as long as this Howdah uses the folder
  bool first_start = false;
};
// Makes or checks the folder and its parts, and locks it. Errors, each with what to do:
// data_folder_unusable (read-only, full, someone else's, not ours, newer format), already_running.
Result<PreparedFolder> prepare_folder(const Layout& layout, const DaemonUsers& users);

}  // namespace howdah::cli
