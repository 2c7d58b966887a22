// SPDX-License-Identifier: Apache-2.0
// What a new agent finds on the volume. Reads one small file for each instance and nothing else of
// those that sleep.
#pragma once
#include <vector>

#include "node/environment.h"

namespace howdah::node {

struct Inventory {
  std::vector<Manifest> instances;
  // Directories without a manifest: begun by an earlier agent and not finished.
  std::vector<InstanceId> half_made;
  // Of instances that are not served: their manifest cannot be read, or they were set aside.
  std::vector<uid_t> kept_uids;
  // Those that may run: they have a socket directory.
  std::vector<InstanceId> maybe_running;
};

// A manifest that cannot be read is logged as an error and left alone with its directory: better an
// instance that is not served than data that is lost. Blocks.
Result<Inventory> read_inventory(const Environment& environment);

}  // namespace howdah::node
