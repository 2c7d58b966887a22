// SPDX-License-Identifier: Apache-2.0
// Keeps the logs of running instances bounded: whoever may connect may log what it wants, as fast
// as the disk goes. It walks over what runs, never over what sleeps.
// Owner: NodeService; one thread.
#pragma once
#include "node/registry.h"

namespace howdah::node {

class LogKeeper {
 public:
  LogKeeper(Environment& environment, Registry& registry)
      : environment_(environment), registry_(registry) {}

  // Until it is cancelled.
  Task<void> run();

 private:
  Environment& environment_;
  Registry& registry_;
};

}  // namespace howdah::node
