// SPDX-License-Identifier: Apache-2.0
// GET /api/operations, GET /api/operations/{id}, POST .../cancel and GET .../events (SSE).
#pragma once
#include "control/operations/operations.h"
#include "control/platform.h"

namespace howdah::control {

class OperationRoutes : public Feature {
 public:
  static constexpr std::size_t kStreamsMax = 200;

  explicit OperationRoutes(Platform& platform) : platform_(platform) {}
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> list(Call call);
  Task<http::Response> show(Call call);
  Task<http::Response> cancel(Call call);
  Task<http::Response> events(Call call);
  // Not found also for a key of another database: it must not learn what exists.
  Task<Operation> find(const Call& call);
  Task<bool> record_cancel(Call call, Operation operation, pg::Connection& connection);
  Task<void> stream(OperationId id, std::int64_t after, Principal caller, http::BodyWriter write);

  Platform& platform_;
  std::size_t streams_ = 0;
};

}  // namespace howdah::control
