// SPDX-License-Identifier: Apache-2.0
// Where a data folder was when it was last used, as its lock file says: so a folder that was moved
// is told from one that was copied. And what a folder holds of the machine beside its own files.
#pragma once
#include <string>
#include <vector>

#include "cli/start/layout.h"

namespace howdah::cli {

// Notes the folder's place in its lock file, which this process holds.
// Errors: data_folder_unusable for a copy of a folder that is still in its place: two of them would
// be one node, with one certificate authority and the same users.
Result<void> settle_place(const Layout& layout, const os::UniqueFd& lock);

// Unmounts the volume, waits for its loop device to go, and removes the runtime folder: what a
// crash may have left. Returns: what was undone, a line each. Nothing of the data is touched.
// Errors: already_running, conflict when the volume is in use.
Result<std::vector<std::string>> release_machine(const Layout& layout);

}  // namespace howdah::cli
