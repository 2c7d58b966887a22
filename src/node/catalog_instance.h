// SPDX-License-Identifier: Apache-2.0
// The catalog's own instance: in DIR/catalog, on the host's file system and not on the volume, so
// that a volume that is full or broken does not take the catalog along. It starts from a local file
// before everything else, is never suspended, and is started again for as long as the agent runs.
// Superuser is howdah_admin, for the OS users of agent and control plane; gates have no way in.
// Owner: NodeService; one thread.
#pragma once
#include <memory>
#include <string>

#include "instance/instance_process.h"
#include "node/environment.h"

namespace howdah::node {

class CatalogInstance {
 public:
  explicit CatalogInstance(Environment& environment);

  // Makes it when there is none, adopts it when it runs, else starts it. Success: it serves.
  // Cost: the first time about two seconds, later some 50 ms.
  Task<void> start();
  // Starts it again whenever it ends, until cancelled.
  Task<void> keep();
  // Cleanly.
  Task<void> stop();
  // The same, unless it ran before this agent.
  Task<void> stop_if_started();

  std::string socket_directory() const;

 private:
  Task<void> make();
  Task<void> launch();
  instance::StartRequest start_request() const;

  Environment& environment_;
  const instance::InstancePlace place_;
  Manifest manifest_;
  std::shared_ptr<instance::InstanceProcess> process_;
  bool adopted_ = false;
  ByteCount log_begin_bytes_ = 0;  // of what it wrote since it was ready
};

}  // namespace howdah::node
