// SPDX-License-Identifier: Apache-2.0
// Where a data folder was when it was last used, as its lock file says: so a folder that was moved
// is told from one that was copied. And what a folder holds of the machine beside its own files.
#pragma once
#include <string>
#include <vector>

#include "cli/layout.h"

namespace howdah::cli {

// Notes the folder's place in its lock file, which this process holds.
// Errors: data_folder_unusable for a copy of a folder that is still in its place: two of them would
// be one node, with one certificate authority and the same users.
Result<void> settle_place(const Layout& layout, const os::UniqueFd& lock);

// Unmounts the volume, waits for its loop device to go, and removes the runtime folder: what a
// crash may have left. Returns: what was undone, a line each. Nothing of the data is touched.
// Errors: already_running, conflict when the volume is in use.
Result<std::vector<std::string>> release_machine(const Layout& layout);

// For a folder whose data go as well: gives its uids back and, when no other data folder of this
// machine is known, deletes the daemons' users. Called before its howdah.json is deleted.
// Returns: what was undone, a line each.
Result<std::vector<std::string>> release_identity(const Layout& layout,
                                                  const DaemonNames& names = {});

}  // namespace howdah::cli
