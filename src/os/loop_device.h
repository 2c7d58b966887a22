// SPDX-License-Identifier: Apache-2.0
// Loop devices: an image file seen as a block device. Needs root.
#pragma once
#include <optional>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

// An attached device. It detaches by itself (autoclear) once this descriptor is closed and nothing
// is mounted from it, so neither a crash nor an error path leaves one behind.
struct LoopDevice {
  Path path;  // "/dev/loop3"
  UniqueFd fd;
  bool direct_io = false;  // past the host's page cache; false where the host cannot do it
};

// The device that image is attached to already. Empty: none. Two devices on one image would
// corrupt it, so ask before attach_loop().
Result<std::optional<LoopDevice>> find_loop(const Path& image);

// Attaches image to a free device: direct I/O where possible, 4096-byte blocks.
// Errors: unsupported when the kernel has no loop devices or lets us have none.
Result<LoopDevice> attach_loop(const Path& image);

// Lets the device be as large as its image has become.
Result<void> take_new_size(const LoopDevice& device);

// Waits until nothing is attached to image any more. Errors: timeout.
Result<void> wait_until_detached(const Path& image, int timeout_ms);

}  // namespace howdah::os
