// SPDX-License-Identifier: Apache-2.0
// Whether this machine is large enough and its kernel has what is needed, asked before anything is
// made on it.
#pragma once
#include "cli/start/layout.h"
#include "os/memory.h"

namespace howdah::cli {

// Errors, each with what to do: unsupported (too little memory for ever, no openat2), memory_full
// (too little now), data_folder_unusable (a new folder on a disk without room).
Result<void> check_machine(const Layout& layout);

Result<void> judge_memory(const os::MemoryInfo& memory);
Result<void> check_space(const os::Path& folder);  // of a new folder; exists

}  // namespace howdah::cli
