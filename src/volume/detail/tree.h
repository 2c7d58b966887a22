// SPDX-License-Identifier: Apache-2.0
// Directory trees by open descriptors: nothing here follows a symbolic link or a "..", so a tree
// that a tenant fills while it is walked cannot lead out of itself.
#pragma once
#include <sys/stat.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::volume::tree {

// Deeper than any data directory of PostgreSQL (5); a tree beyond it is refused by copy and sync.
inline constexpr int kDepthMax = 64;

// "instances/i-1/data" -> its components. Errors: invalid_request (rules: volume.h).
Result<std::vector<std::string>> parse_path(std::string_view path);

// Opens the directory name of parent. Errors: not_found, data_folder_unusable for anything else
// than a directory.
Result<os::UniqueFd> open_directory(int parent_fd, const std::string& name);
// Walks down from root. Missing directories are an error (not_found), or are made with mode 0711;
// made_durably also syncs the directory that holds each.
enum class Missing { refused, made, made_durably };
Result<os::UniqueFd> walk(int root_fd, const std::vector<std::string>& components, Missing missing);

// The open directory that holds an entry, and the entry's name.
struct Place {
  os::UniqueFd parent;
  std::string name;
};
Result<Place> find_place(int root_fd, std::string_view path, Missing missing);

Result<std::vector<std::string>> entries(int fd);  // names, without "." and ".."
Result<bool> exists(int parent_fd, const std::string& name);
Result<void> sync(int fd, std::string_view what);  // fsync
// fsync of every file and directory below fd, then of fd itself; files by several threads.
Result<void> sync_tree(int fd);
// Whether files of the directory fd can share extents (FICLONE): tried, with a file without a name.
Result<bool> can_share(int fd);
// How a file's bytes come over: written again, or as the same extents (written again where one file
// cannot be cloned).
enum class Content { copied, shared };
// Copies what is in source into the empty directory destination: regular files (holes stay holes),
// directories and symbolic links, with mode and owner; sockets, pipes and devices are left out.
// Everything is synced. Errors: volume_full, unprocessable when it is too deep.
Result<void> copy_tree(int source_fd, int destination_fd, Content content);

// Deletes one entry, whatever it is. Directories of any depth; an error stops it.
// remove_directory: tried on each directory first; true means that it is gone (a subvolume).
using RemoveDirectory = std::function<Result<bool>(int parent_fd, const std::string& name)>;
Result<void> remove_entry(int parent_fd, const std::string& name,
                          const RemoveDirectory& remove_directory);

// Allocated bytes of everything below fd.
Result<ByteCount> allocated_bytes(int fd);

}  // namespace howdah::volume::tree
