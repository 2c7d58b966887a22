// SPDX-License-Identifier: Apache-2.0
// A file that holds space until it is needed: where a disk fills up, giving some of it back lets
// commits and checkpoints go on that would fail otherwise. Its blocks are really allocated.
// Owner: the node agent's DiskGuard; used by one thread at a time, every call blocks.
#pragma once
#include "base/error.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::volume {

class Ballast {
 public:
  explicit Ballast(os::Path file) : file_(std::move(file)) {}

  ByteCount size() const;  // 0: there is none
  // Larger: allocates what is missing, at most in part of it on an error (volume_full).
  // Smaller: gives back at once; on btrfs only the next commit frees the blocks, see
  // Volume::free_deleted().
  Result<void> resize(ByteCount bytes);

 private:
  os::Path file_;
};

// Of a volume: 1 %, between 64 MiB and 1 GiB; never more than a tenth.
ByteCount ballast_size(ByteCount volume_size_bytes);

}  // namespace howdah::volume
