// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "cli/start/layout.h"

namespace howdah::cli {

// Removes the system users that ensure_daemon_users() made, where they own nothing any more: no
// data folder of the lease file exists, and no process runs as them. Needs root.
// Returns: the users that are gone. Errors: io_error.
Result<std::vector<std::string>> remove_daemon_users(
    const DaemonNames& names = {}, const os::Path& lease_file = "/var/lib/howdah-uids.json");

}  // namespace howdah::cli
