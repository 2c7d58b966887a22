// SPDX-License-Identifier: Apache-2.0
// DIR/howdah.json: what makes a directory a data folder of ours. `howdah up` makes it, or the node
// agent where it runs by itself.
#pragma once
#include <string>

#include "base/error.h"
#include "os/file.h"

namespace howdah::node {

inline constexpr std::int64_t kFolderFormat = 1;

// Errors: not_found when there is none; data_folder_unusable when it is damaged or of a newer
// format.
Result<std::string> read_folder_id(const os::Path& data_dir);
// Returns the new id.
Result<std::string> create_folder_id(const os::Path& data_dir);

}  // namespace howdah::node
