// SPDX-License-Identifier: Apache-2.0
// The file tree that a confined program sees in place of the host's: a small tmpfs with the
// system's folders, a few devices and its own folders mounted in it. Everything is prepared here,
// detached and seen by nobody; the child only moves it into place (confine_child.h).
#pragma once
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/confinement.h"
#include "os/file.h"

namespace howdah::os::detail {

struct RootPlan {
  Path etc;                     // becomes /etc
  std::vector<Path> read_only;  // at the same path inside; what is missing is left out
  std::vector<Path> own_read;   // read-only too, but must exist
  std::vector<Path> own_write;  // no programs, devices or setuid files work in these
  ByteCount scratch_max = 0;    // of /tmp and /dev/shm together
};

// Fills root and placements. Errors: io_error, unsupported for an old kernel (before 5.12).
Result<void> build_root(const RootPlan& plan, Confinement& confinement);

// Writes what an /etc needs for a server: names for these users, no secret. Fine when it is there.
struct KnownUser {
  std::string name;
  uid_t uid;
  gid_t gid;
};
Result<void> write_etc(const Path& folder, const std::vector<KnownUser>& users);

}  // namespace howdah::os::detail
