// SPDX-License-Identifier: Apache-2.0
// The data folder and the runtime folder as the agent uses them, and who may do what in them.
// Opening checks everything that a person may have got wrong, before anything is changed.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "base/id.h"
#include "node/config.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::node {

// Without root: everything is the caller.
struct Users {
  bool privileged = false;
  uid_t agent_uid = 0;
  std::string agent_name;  // "root"
  std::string control_name;
  std::string gate_name;
  os::UserIds control{};
  os::UserIds gate{};
};

// Errors: config_invalid for a user that does not exist.
Result<Users> find_users(const Config& config);

struct Folder {
  os::Path data_dir;
  os::Path runtime_dir;
  std::string folder_id;
  NodeId node_id;
  os::UniqueFd lock;  // DIR/node/lock: one agent for a folder

  os::Path catalog() const { return data_dir / "catalog"; }
  os::Path instance_sockets() const { return runtime_dir / "i"; }  // <instance id>/ below
  os::Path api_socket() const { return runtime_dir / "node.sock"; }
};

// Makes what is missing. Errors: data_folder_unusable (no directory, read-only, full, somebody
// else's, not ours, newer format, socket paths too long), already_running.
Result<Folder> open_folder(const Config& config, const Users& users);

}  // namespace howdah::node
