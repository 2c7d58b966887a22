// SPDX-License-Identifier: Apache-2.0
// The node's volume: what is left of it, and its growth while databases run.
// GET /api/volume, POST /api/volume/grow. Owner: make_features; on the loop's thread.
#pragma once
#include "control/platform.h"

namespace howdah::control {

class Volumes final : public Feature {
 public:
  explicit Volumes(Platform& platform) : platform_(platform) {}
  void add_routes(Routes& routes) override;

 private:
  struct Growth {
    Call call;
    nodeapi::NodeStatus before, after;
  };
  Task<http::Response> show(Call call);
  Task<http::Response> grow(Call call);
  Task<bool> record(const Growth& growth, pg::Connection& connection);

  Platform& platform_;
};

}  // namespace howdah::control
