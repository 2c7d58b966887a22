// SPDX-License-Identifier: Apache-2.0
// Landlock (landlock(7)): a second wall around a program's files, which needs no rights to build
// and stands also where a mount namespace has a hole. What a rule does not name is out of reach.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

// 0: the kernel has none, or it is switched off. From 4 on it also forbids TCP, from 6 on signals
// and abstract sockets across the wall.
int landlock_version();

// read: read and execute, everything below; write: all but executing and making devices;
// device: read and write one file.
enum class FileUse { read, write, device };

struct FileRule {
  int folder_fd = -1;  // AT_FDCWD for an absolute path, or what the path is relative to
  std::string path;
  FileUse use = FileUse::read;
};

// For landlock_restrict_self(2). TCP, foreign signals and abstract sockets are forbidden wherever
// the version knows them. A path that does not exist is left out: nothing is allowed by that.
// Errors: unsupported.
Result<UniqueFd> make_ruleset(const std::vector<FileRule>& rules);

}  // namespace howdah::os
