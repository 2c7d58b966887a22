// SPDX-License-Identifier: Apache-2.0
// What a database's PostgreSQL logged: pages, and a stream that goes on. Reads files by way of the
// node and never wakes an instance.
// Owner: make_features; on the loop's thread.
#pragma once
#include "control/databases/database.h"
#include "control/logs/log_reader.h"
#include "control/platform.h"

namespace howdah::control {

class Logs final : public Feature {
 public:
  static constexpr std::size_t kStreamsMax = 64;

  explicit Logs(Platform& platform) : platform_(platform) {}

  void add_routes(Routes& routes) override;

 private:
  struct Follow {
    DatabaseId database_id;
    InstanceId instance;
    LogFilter filter;
    std::size_t first = 0;              // entries before it follows
    std::optional<std::uint64_t> from;  // goes on behind what was seen
    Principal caller;
  };

  Task<http::Response> list(Call call);
  Task<http::Response> events(Call call);
  Task<void> stream(Follow follow, http::BodyWriter write);
  Task<std::string> begin(Follow& follow);

  Platform& platform_;
  std::size_t streams_ = 0;
};

}  // namespace howdah::control
