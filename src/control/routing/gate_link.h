// SPDX-License-Identifier: Apache-2.0
// One connected gate: what it was sent, what it has acknowledged, and the use it reports.
// Owned by the coroutine that serves it; the publisher knows it by pointer while it lives.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/routing/route_table.h"
#include "control/routing/signal.h"
#include "net/json_lines.h"

namespace howdah::control {

class GateLink {
 public:
  // A gate that is further behind than this gets a snapshot instead of the changes.
  static constexpr std::size_t kPendingMax = 64;

  struct Listener {
    // After each acknowledgement or report, and when the gate has said who it is.
    std::function<void()> changed;
    // Whom its firewalls refused since the last call.
    std::function<void(std::vector<DeniedAttempt>)> denied;
    // Roles that were changed by SQL; told again and again until a route shows it.
    std::function<void(std::vector<RoleChange>)> role_changes;
    std::function<void(std::vector<LoginSeen>)> logins;
  };
  GateLink(net::Local::socket socket, const RouteTable& table, Listener listener);

  // Serves the gate until it is gone. Errors: protocol_violation, unavailable at its orderly end.
  Task<void> run();

  // Queues an update for it; ignored before it has said who it is (its snapshot will have it).
  void send(std::shared_ptr<const boost::json::value> update);

  bool live() const { return live_; }
  const GateId& id() const { return id_; }
  std::uint64_t acknowledged() const { return acknowledged_; }
  const std::map<BranchId, BranchUse>& use() const { return use_; }

 private:
  Task<void> read_hello();
  Task<void> read_loop();
  Task<void> write_loop();

  net::JsonLines lines_;
  const RouteTable& table_;
  Listener listener_;
  Signal wake_;
  std::deque<std::shared_ptr<const boost::json::value>> pending_;
  bool needs_snapshot_ = false;
  bool live_ = false;
  GateId id_;
  std::uint64_t acknowledged_ = 0;
  std::map<BranchId, BranchUse> use_;
};

}  // namespace howdah::control
