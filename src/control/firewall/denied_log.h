// SPDX-License-Identifier: Apache-2.0
// Whom the firewalls of all gates refused: collected as gates tell it, written once a second, kept
// for 30 days and 1,000 addresses a database, listed newest first.
// Owner: make_features; on the loop's thread.
#pragma once
#include <vector>

#include "control/platform.h"
#include "control/routing/publisher.h"
#include "model/denied_attempts.h"

namespace howdah::control {

class DeniedLog final : public Feature {
 public:
  static constexpr std::chrono::days kKeep{30};
  static constexpr std::int64_t kAddressesPerDatabaseMax = 1'000;
  // Not yet written: more than this only while the catalog does not answer.
  static constexpr std::size_t kPendingMax = 20'000;

  DeniedLog(Platform& platform, RoutePublisher& routes);

  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

  // Since howdahd started, at all gates.
  std::int64_t total() const { return total_; }
  // Forgets what is too old or too much; a loop calls it every minute.
  Task<void> prune();

 private:
  void collect(std::vector<DeniedAttempt> attempts);
  Task<void> save();
  asio::awaitable<void> save_loop();
  Task<http::Response> list(Call call);

  Platform& platform_;
  DeniedAttempts pending_{kPendingMax};
  std::int64_t total_ = 0;
  net::TaskGroup tasks_;
};

}  // namespace howdah::control
