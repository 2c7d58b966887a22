// SPDX-License-Identifier: Apache-2.0
// GET /metrics for Prometheus.
// Owner: make_features; on the loop's thread.
#pragma once
#include "control/databases/databases.h"
#include "control/firewall/denied_log.h"
#include "control/metrics/registry.h"
#include "control/nodes/node_watcher.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class Metrics final : public Feature {
 public:
  // All outlive it.
  struct Sources {
    const NodeWatcher& nodes;
    const RoutePublisher& routes;
    const Databases& databases;
    const DeniedLog& denied;
  };
  Metrics(Platform& platform, Sources sources) : platform_(platform), from_(sources) {}
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> show(Call call);
  asio::awaitable<void> write_catalog(MetricsText& text);
  void write_node(MetricsText& text) const;
  void write_gates(MetricsText& text) const;

  Platform& platform_;
  Sources from_;
  RequestMetrics requests_;
};

}  // namespace howdah::control
