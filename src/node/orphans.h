// SPDX-License-Identifier: Apache-2.0
// What is left of instances that are not there any more, in places that no directory of the volume
// leads to: processes and shared memory of user ids that no instance has, and socket directories.
// Found and taken away when the agent starts. (Directories: inventory.h; what the sandbox makes,
// such as control groups, belongs here too, a kind each.)
//
// Nothing here is data. A user id of the folder's range that an instance has, served or not, is
// never touched.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "node/environment.h"
#include "node/inventory.h"

namespace howdah::node {

struct OrphanProcess {
  pid_t pid = 0;
  uid_t uid = 0;
  std::string program;
};

struct Orphans {
  std::vector<os::Path> socket_directories;
  std::vector<OrphanProcess> processes;  // as root only: else all have one uid
  std::vector<uid_t> memory_owners;      // the same
};

// Blocks: reads /proc once.
Orphans find_orphans(const Environment& environment, const Inventory& inventory);
// Each is logged. Errors: of the first that stays; the others have been tried.
Result<void> remove_orphans(const Orphans& orphans);

// Folder of instances that were set aside, on the volume: "<time>-<id>/" with all they had.
inline constexpr const char* kOrphansFolder = "orphans";

}  // namespace howdah::node
