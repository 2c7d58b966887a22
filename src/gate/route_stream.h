// SPDX-License-Identifier: Apache-2.0
// The gate's end of the route stream: receives routes from howdahd, puts them in force, and
// acknowledges what is in memory and on disk. Without howdahd it keeps trying; the gate serves what
// it has.
// Owned by the gate, used on its one thread; run() must be running.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "gate/live_sessions.h"
#include "gate/login_log.h"
#include "gate/route_saver.h"
#include "gate/route_table.h"
#include "net/json_lines.h"

namespace howdah::gate {

struct RouteStreamSettings {
  GateId gate_id;
  std::string socket_path;  // RUN/routes.sock
  milliseconds report_interval{1'000};
  milliseconds change_interval{5'000};  // until howdahd knows a change, it is told again
  milliseconds retry_min{50};
  milliseconds retry_max{1'000};  // below howdahd's wait for an acknowledgement
};

// What the stream works on; all of it outlives the stream.
struct RouteStreamParts {
  RouteTable& table;
  RouteSaver& saver;
  LiveSessions& sessions;
  DeniedAttempts& denied;  // waiting to be reported
  LoginLog& logins;        // the same
  // Called with the branches whose sessions must be judged again, right after the table changed.
  std::function<void(const std::vector<BranchId>&)> on_change;
};

class RouteStream {
 public:
  RouteStream(asio::any_io_executor executor, RouteStreamSettings settings, RouteStreamParts parts);

  bool connected() const { return connected_; }
  Task<void> run();  // until it is cancelled

 private:
  Task<void> converse(net::JsonLines& channel);
  Task<void> receive(net::JsonLines& channel);
  Task<void> report(net::JsonLines& channel);
  Result<void> apply(RouteUpdate update);
  struct Reporter;

  RouteStreamSettings settings_;
  RouteStreamParts parts_;
  asio::steady_timer saved_;
  bool connected_ = false;
  bool wants_snapshot_ = false;  // the last change did not fit
};

}  // namespace howdah::gate
