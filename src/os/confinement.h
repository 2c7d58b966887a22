// SPDX-License-Identifier: Apache-2.0
// The walls around one program, prepared by Sandbox before it is started: descriptors only, so that
// the child, which may make async-signal-safe calls only, has nothing to decide (process.h).
#pragma once
#include <linux/filter.h>

#include <string>
#include <vector>

#include "os/file.h"

namespace howdah::os {

// A mount that is attached nowhere yet, and where it goes below the new root ("usr", "dev/null").
struct Placement {
  UniqueFd mount;
  std::string path;
};

// Each part may be empty: then that wall is not built.
struct Confinement {
  UniqueFd root;                      // what becomes "/"; empty: the host's files stay visible
  std::string attach_point;           // any folder of the host: where `root` stands for a moment
  std::vector<Placement> placements;  // in the order of mounting
  int namespaces = 0;                 // CLONE_NEW* of unshare(2), beside the one for mounts
  UniqueFd group;                     // control group of version 2: its folder
  std::vector<UniqueFd> group_tasks;  // of version 1: `tasks` of each hierarchy
  UniqueFd ruleset;                   // Landlock
  const sock_fprog* call_filter = nullptr;  // seccomp; static
  bool drop_capabilities = false;           // also those that a program file could give back
};

}  // namespace howdah::os
