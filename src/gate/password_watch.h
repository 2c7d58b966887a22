// SPDX-License-Identifier: Apache-2.0
// Learns of passwords that users changed by SQL: asks the node how the roles of an instance are,
// right after a session was told of an ALTER ROLE, and every half second while bytes move in a
// session of it (a DO block tells nothing), once more after its last session. What is new is put in
// force and into the route file; the route stream reports it.
// It never wakes an instance, and one that hangs delays no other.
// Owned by the gate, used on its one thread; run() must be running.
#pragma once
#include <functional>
#include <set>
#include <vector>

#include "gate/live_sessions.h"
#include "gate/route_saver.h"
#include "gate/route_table.h"
#include "net/task_group.h"
#include "nodeapi/client.h"

namespace howdah::gate {

struct PasswordWatchSettings {
  milliseconds interval{500};
  milliseconds apart_min{50};  // between two rounds, however often roles are altered
  milliseconds answer_max{3'000};
};

class PasswordWatch {
 public:
  // All of it outlives the watch.
  struct Parts {
    nodeapi::Client& node;
    RouteTable& table;
    RouteSaver& saver;
    const LiveSessions& sessions;
    // Called with branches whose roles have changed.
    std::function<void(const std::vector<BranchId>&)> on_change;
  };
  PasswordWatch(asio::any_io_executor executor, Parts parts, PasswordWatchSettings settings = {});

  // A role of the branch was altered.
  void look(const BranchId& branch);
  // A session of the branch has ended.
  void note_end(const BranchId& branch) { ended_.insert(branch); }

  Task<void> run();  // until it is cancelled
  asio::awaitable<void> stop();

 private:
  Task<void> ask(BranchId branch);
  Result<void> take_in(const BranchId& branch, const Route& route,
                       const std::vector<nodeapi::RoleState>& roles);

  Parts parts_;
  PasswordWatchSettings settings_;
  std::set<BranchId> due_;     // at the next round
  std::set<BranchId> ended_;   // at the next regular round
  std::set<BranchId> asking_;  // being asked
  bool hurry_ = false;
  asio::steady_timer wake_;
  net::TaskGroup asks_;
};

}  // namespace howdah::gate
