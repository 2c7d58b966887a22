// SPDX-License-Identifier: Apache-2.0
// Files that must not be committed.
#pragma once
#include "base/error.h"
#include "os/file.h"

namespace howdah::cli {

// Adds the file to the .gitignore beside it, which is made when missing, once. Nothing happens
// outside a git work tree.
Result<void> ignore_in_git(const os::Path& file);

// The text with the line in it; what is there stays. Pure.
std::string with_ignored(std::string_view gitignore, std::string_view name);

}  // namespace howdah::cli
