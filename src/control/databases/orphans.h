// SPDX-License-Identifier: Apache-2.0
// What exists and should not, for people who put it right (`howdah doctor --fix`):
// GET /internal/orphans, POST /internal/orphans/{instanceId}/set-aside. The reconciler stops and
// reports them by itself, and never deletes.
// Owner: Databases; on the loop's thread.
#pragma once
#include "control/platform.h"

namespace howdah::control {

class Orphans {
 public:
  explicit Orphans(Platform& platform) : platform_(platform) {}
  void add_routes(Routes& routes);

 private:
  struct Orphan {
    std::string kind;
    InstanceId instance_id;
    std::string name;
  };
  // Asks node and catalog anew.
  Task<std::vector<Orphan>> find();
  Task<http::Response> list(Call call);
  Task<http::Response> set_aside(Call call);
  Task<bool> record(Call call, Orphan orphan, std::string path, pg::Connection& connection);

  Platform& platform_;
};

}  // namespace howdah::control
