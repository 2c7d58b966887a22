// SPDX-License-Identifier: Apache-2.0
// Who owns the files of an instance. A clone has the owner of its template and gets its own.
#pragma once
#include "base/error.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::node {

// Gives every entry below path that is not the user's to the user, links themselves and never
// their targets. Nobody may be able to change the tree meanwhile who owns none of it yet.
// Cost: about 5 us an entry when there is much to change. Not durable by itself; blocks.
Result<void> give_to_user(const os::Path& path, os::UserIds user);
Result<uid_t> owner_of(const os::Path& path);
// Makes everything durable that was written to the file system of path. Blocks.
Result<void> sync_file_system(const os::Path& path);

}  // namespace howdah::node
