// SPDX-License-Identifier: Apache-2.0
// POST, GET /api/keys and DELETE /api/keys/{id}; and keeping last_used_at written.
#pragma once
#include "control/platform.h"

namespace howdah::control {

class ApiKeyRoutes : public Feature {
 public:
  explicit ApiKeyRoutes(Platform& platform);
  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

 private:
  Task<http::Response> create(Call call);
  Task<http::Response> list(Call call);
  Task<http::Response> revoke(Call call);
  Result<http::Response> create_session(const std::string& name, const Call& call);
  asio::awaitable<void> refresh_loop();

  Platform& platform_;
  net::TaskGroup tasks_;
};

}  // namespace howdah::control
