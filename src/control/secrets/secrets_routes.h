// SPDX-License-Identifier: Apache-2.0
// GET /ca.crt; POST /internal/recovery-key (on the machine itself only); and the renewal of the
// server certificate.
#pragma once
#include <functional>

#include "control/platform.h"

namespace howdah::control {

class SecretsRoutes : public Feature {
 public:
  // renew: issues a new server certificate where one is needed; called every hour.
  SecretsRoutes(Platform& platform, std::function<Result<void>()> renew);
  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

  // The recovery key, once: empty when one was shown before. Audited.
  Task<std::string> show_recovery_key_once();

 private:
  Task<http::Response> certificate(Call call);
  Task<http::Response> recovery_key(Call call);
  Task<void> record(Principal caller, std::string request_id, pg::Connection& in);
  asio::awaitable<void> renew_loop();

  Platform& platform_;
  std::function<Result<void>()> renew_;
  net::TaskGroup tasks_;
};

// Somebody was shown the recovery key as it is now: since the last change of the master key.
Task<bool> recovery_key_is_known(pg::Pool& pool, const Vault& vault);

}  // namespace howdah::control
