// SPDX-License-Identifier: Apache-2.0
// The few btrfs ioctls that the driver needs (linux/btrfs.h, btrfs documentation: ioctl). Names are
// single path components inside an open directory, so no path is ever walked by the kernel.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/units.h"

namespace howdah::volume::btrfs {

bool is_btrfs(int fd);      // the file system that fd is on
bool is_subvolume(int fd);  // fd is the top directory of a subvolume

Result<void> create_subvolume(int parent_fd, const std::string& name);
// The ioctl commits the transaction: on return the snapshot survives a power cut, with all that was
// written to the source before (dirty pages included).
Result<void> create_snapshot(int source_fd, int parent_fd, const std::string& name);
// Returns 0 or errno. A subvolume with others inside it is refused with ENOTEMPTY; without root,
// and the host's leave, with EPERM.
int destroy_subvolume(int parent_fd, const std::string& name);
// Destroys every subvolume inside that of fd: its owner can make some, and read-only ones too.
// Found through the file system's own tree, so it costs nothing to hide them. Needs root.
Result<void> destroy_nested(int fd);

// Has destroyed subvolumes freed now, in the background, instead of at a commit within 30 s. Writes
// out everything on the file system.
void wake_cleaner(int fd);

// Bytes of data that were written to files and have no place on the disk yet: they are not in
// statvfs. 0 where the kernel does not tell.
ByteCount unplaced_bytes(int fd);
// Grows the file system to all of its device. Nothing happens where it is as large.
Result<void> grow_to_device(int fd);

// Simple quotas (kernel 6.7): each extent is counted for the subvolume that wrote it first. Never
// classic ones. Errors: unsupported.
Result<void> enable_simple_quotas(int fd);
Result<std::uint64_t> subvolume_id(int fd);
// What the subvolume's group counts. Errors: not_found where quotas are off.
Result<ByteCount> own_bytes(int fd, std::uint64_t subvolume_id);
// What it may count at most: writes beyond fail with EDQUOT at once. 0: no limit.
Result<void> limit_own_bytes(int fd, std::uint64_t subvolume_id, ByteCount bytes);

}  // namespace howdah::volume::btrfs
