// SPDX-License-Identifier: Apache-2.0
// Size and use of databases, and the logical databases in them. Never wakes an instance: a stopped
// one is answered from its last sample. A loop samples the running ones every minute. Owner:
// make_features; on the loop's thread.
#pragma once
#include "control/databases/database.h"
#include "control/nodes/node_watcher.h"
#include "control/platform.h"
#include "control/routing/publisher.h"
#include "control/stats/stats_store.h"

namespace howdah::control {

class Stats final : public Feature {
 public:
  // A sample younger than this answers a call as it is.
  static constexpr milliseconds kFresh{5'000};
  static constexpr std::chrono::days kKeep{7};

  Stats(Platform& platform, const NodeWatcher& nodes, const RoutePublisher& routes)
      : platform_(platform), nodes_(nodes), routes_(routes), tasks_(platform.executor) {}

  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

 private:
  Task<http::Response> show(Call call);
  Task<http::Response> list_databases(Call call);
  asio::awaitable<void> sample_loop();
  Task<void> sample_all();
  // Empty: it does not run, or does not answer; that is no error.
  asio::awaitable<std::optional<stats_store::Sample>> sample(stats_store::BranchOfDatabase branch);

  Platform& platform_;
  const NodeWatcher& nodes_;
  const RoutePublisher& routes_;
  net::TaskGroup tasks_;
};

}  // namespace howdah::control
