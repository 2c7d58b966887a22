// SPDX-License-Identifier: Apache-2.0
// Puts instances to sleep that nobody holds, ends holds whose time is over, and keeps the logs of
// running instances bounded. It walks over what runs, never over what sleeps.
// Owner: NodeService; one thread.
#pragma once
#include "node/registry.h"

namespace howdah::node {

class Suspender {
 public:
  Suspender(Environment& environment, Registry& registry)
      : environment_(environment), registry_(registry) {}

  // Until it is cancelled.
  Task<void> run();

 private:
  // Returns: when to look again.
  InstanceUnit::TimePoint suspend_idle();
  Task<void> limit_logs();

  Environment& environment_;
  Registry& registry_;
};

}  // namespace howdah::node
