// SPDX-License-Identifier: Apache-2.0
// The image file that holds a btrfs of our own. It is preallocated and stays so: the host can never
// run out of space under a database. Needs root.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::volume::image {

// mkfs.btrfs refuses less than about 110 MiB, and PostgreSQL has no room in it.
inline constexpr ByteCount kSizeMin = 256_MiB;

// Makes the image with its file system. It gets its name when it is complete; what an earlier
// attempt left is replaced. Errors: volume_full, unsupported (no mkfs.btrfs, or the host's file
// system cannot preallocate).
Result<void> make(const os::Path& image, ByteCount size);

// Mounts it, unless it is mounted there already. Errors: unsupported, data_folder_unusable when
// something else is mounted there.
Result<void> mount(const os::Path& image, const os::Path& mount_point);

// Makes the image larger, preallocated, and its device with it; the file system on it is not told.
// After an error it is as before. Errors: volume_full, unsupported, conflict without a device.
Result<void> grow(const os::Path& image, ByteCount size);

// What is wrong with it, a line each (see Volume::check).
Result<std::vector<std::string>> check(const os::Path& image);

}  // namespace howdah::volume::image
