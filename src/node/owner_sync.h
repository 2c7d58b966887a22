// SPDX-License-Identifier: Apache-2.0
// Makes the owners of new instances' files durable, off the path of any request. A power cut before
// that brings the template's owner back, so until then the manifest says that the owner is to be
// set again. Syncing the volume for each instance would make its claim wait for the writes of all
// others. Owner: NodeService; one thread.
#pragma once
#include <vector>

#include "node/registry.h"

namespace howdah::node {

class OwnerSync {
 public:
  OwnerSync(asio::any_io_executor executor, Environment& environment);

  void note(UnitPtr unit);
  // Until it is cancelled.
  Task<void> run();

 private:
  Task<void> sync(std::vector<UnitPtr> units);

  Environment& environment_;
  std::vector<UnitPtr> waiting_;
  asio::steady_timer noted_;
};

}  // namespace howdah::node
