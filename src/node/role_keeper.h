// SPDX-License-Identifier: Apache-2.0
// Passwords of roles inside instances: writes the platform's, and finds those that users changed by
// SQL. The manifest says which password counts and what was last seen in this very data directory;
// only a difference from the latter is a change by its users. A data directory with another mark is
// an older state that was brought back: its passwords do not count, the platform's are written
// again (docs/formats/instance-manifest.md).
//
// Whoever makes an instance from other data than a template's gives its manifest the roles with
// `inside` empty: they are written before the first client.
// Owner: NodeService; one thread.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "instance/role_store.h"
#include "node/registry.h"

namespace howdah::node {

class RoleKeeper {
 public:
  struct Parts {
    asio::any_io_executor executor;
    Environment& environment;
    Registry& registry;
    net::TaskGroup& background;  // what may be cut off: an agent after us does it again
  };
  explicit RoleKeeper(Parts parts);
  ~RoleKeeper();

  // The roles that have a password of the platform, as they are inside; of an instance that does
  // not run, as they were seen last. Errors: not_found, unavailable; conflict: it is being stopped,
  // or was meanwhile.
  // Cost: one query on a connection that stays open while somebody asks.
  Task<std::vector<nodeapi::RoleState>> look(InstanceId id);
  // The platform's passwords, from now on. Durable when this returns; an error other than not_found
  // says that they are not inside yet and will be before its next first client.
  Task<void> set(InstanceId id, std::vector<nodeapi::RolePassword> passwords);

  // To be awaited when the instance accepts connections and before anybody is told so.
  Task<void> prepare(UnitPtr unit);
  // To be awaited before a clean stop: what its users changed in their last moment is known then,
  // and not only after the next start, when the old password has let somebody in once more.
  Task<void> look_last(UnitPtr unit);
  // To be called after each change of state of any unit, and when it was claimed: what is still to
  // be written into one that runs is written in the background.
  void note_change(const UnitPtr& unit);
  // Closes connections that nobody uses; until it is cancelled.
  Task<void> run();

 private:
  struct Desk;
  class Turn;
  enum class Clients { none_yet, present };

  asio::awaitable<Turn> take_turn(InstanceId id);
  Task<void> take_in(UnitPtr unit);
  Task<void> refresh(UnitPtr unit, Turn& turn, Clients clients);
  Task<void> reconcile(UnitPtr unit, pg::Connection& connection, Clients clients);
  asio::awaitable<void> write_later(UnitPtr unit);

  Parts parts_;
  std::map<InstanceId, std::shared_ptr<Desk>> desks_;  // one for each instance in use
  std::set<InstanceId> writing_;
};

}  // namespace howdah::node
