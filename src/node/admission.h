// SPDX-License-Identifier: Apache-2.0
// Whether the machine's memory holds one more instance. Asked before each start: refusing one is a
// clear error for one client, the kernel's OOM killer would end sessions of others.
//
// Room is made first by putting to sleep what nobody holds: spares, then whatever was idle longest.
// Owner: NodeService; one thread.
#pragma once
#include <functional>

#include "node/registry.h"
#include "os/memory.h"

namespace howdah::node {

class Admission {
 public:
  using Memory = std::function<Result<os::MemoryInfo>()>;
  Admission(Registry& registry, Memory memory);

  // Success: it may be started. For a spare nothing is put to sleep.
  // Errors: memory_full, which may be retried later.
  Task<void> admit(Manifest manifest);

 private:
  Registry& registry_;
  Memory memory_;
};

}  // namespace howdah::node
