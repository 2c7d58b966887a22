// SPDX-License-Identifier: Apache-2.0
// Who is connected to a database through the gate of this machine, the pools that serve them, and
// ending one session. Asks the gate on its own socket (gate/status_server.h), never a tenant.
// Owner: make_features; on the loop's thread.
#pragma once
#include "base/json.h"
#include "control/databases/database.h"
#include "control/platform.h"
#include "http/client.h"

namespace howdah::control {

class Clients final : public Feature {
 public:
  explicit Clients(Platform& platform);

  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> list(Call call);
  Task<http::Response> pools(Call call);
  Task<http::Response> cut(Call call);
  // The gate's answer. Errors: unavailable.
  Task<json::object> ask(http::Method method, std::string path, http::Query query);
  Task<void> store_trace(AuditEntry entry, Principal caller, pg::Connection& connection);

  Platform& platform_;
  http::Client gate_;
};

}  // namespace howdah::control
