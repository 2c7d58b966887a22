// SPDX-License-Identifier: Apache-2.0
// Is the control plane well? Never touches a tenant's instance.
// Owner: make_features; on the loop's thread.
#pragma once
#include <chrono>
#include <optional>

#include "control/nodes/node_watcher.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class Health final : public Feature {
 public:
  Health(Platform& platform, const NodeWatcher& nodes, const RoutePublisher& routes)
      : platform_(platform), nodes_(nodes), routes_(routes) {}
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> health(Call call);
  asio::awaitable<bool> catalog_answers();

  Platform& platform_;
  const NodeWatcher& nodes_;
  const RoutePublisher& routes_;
  // Probes come from everywhere and need no key: the catalog is asked once a second at most.
  std::chrono::steady_clock::time_point asked_at_;
  std::optional<bool> answered_;
};

}  // namespace howdah::control
