// SPDX-License-Identifier: Apache-2.0
// Shared memory that a killed PostgreSQL leaves behind: a System V segment and files in /dev/shm,
// about 1 MB each time. The next start on the same data directory takes them away; where there is
// no next start somebody else must, or the machine runs out of segments (kernel.shmmni, 4,096).
#pragma once
#include <sys/types.h>

#include <set>

#include "base/error.h"

namespace howdah::node {

// Removes what belongs to the uid and is attached to no process. Only for a uid of which nothing
// runs any more, and never for one that several instances share. Blocks: reads two directories.
Result<void> remove_shared_memory(uid_t uid);
// The users that own any which is attached to no process. Blocks, too.
std::set<uid_t> shared_memory_owners();

}  // namespace howdah::node
