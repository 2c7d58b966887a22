// SPDX-License-Identifier: Apache-2.0
// Opens files inside a data directory. Its owner is the tenant's uid, which we assume hostile: a
// link or a pipe put in the place of a file must neither lead the agent out nor make it wait.
#pragma once
#include <string>

#include "base/error.h"
#include "os/file.h"

namespace howdah::instance::detail {

// name: relative to the directory. A regular file, reached through no link.
// flags: O_RDONLY, O_RDWR, ... Errors: not_found; io_error when it is anything else.
Result<os::UniqueFd> open_tenant_file(const os::Path& directory, const std::string& name,
                                      int flags);
Result<std::string> read_tenant_file(const os::Path& directory, const std::string& name,
                                     ByteCount size_max);

}  // namespace howdah::instance::detail
