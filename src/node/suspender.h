// SPDX-License-Identifier: Apache-2.0
// Puts instances to sleep that nobody holds, and ends holds whose time is over. It walks over what
// runs, never over what sleeps.
// Owner: NodeService; one thread.
#pragma once
#include "node/registry.h"

namespace howdah::node {

class Suspender {
 public:
  explicit Suspender(Registry& registry) : registry_(registry) {}

  // Until it is cancelled.
  Task<void> run();

 private:
  // Returns: when to look again.
  InstanceUnit::TimePoint suspend_idle();

  Registry& registry_;
};

}  // namespace howdah::node
