// SPDX-License-Identifier: Apache-2.0
// Makes instances, running, from a template, and takes them away.
//
// Everything is made under the instance's own name; instance.json is written last. Whatever was
// begun and not finished has none and is removed, at once or at the agent's next start. Both ways
// go on when the caller is gone. Owner: NodeService; one thread.
#pragma once
#include <chrono>
#include <string>

#include "net/turns.h"
#include "node/owner_sync.h"
#include "node/registry.h"
#include "node/templates.h"

namespace howdah::node {

class InstanceMaker {
 public:
  // At once: more would only make each of them later.
  static constexpr std::size_t kMakingMax = 3;
  static constexpr std::size_t kWaitingMax = 1'000;

  struct Parts {
    asio::any_io_executor executor;
    Environment& environment;
    PostmasterSource& source;
    Templates& templates;
    Registry& registry;
    OwnerSync& owner_sync;
    net::TaskGroup& tasks;
  };
  explicit InstanceMaker(Parts parts);

  // settings: pg_major, size_class and what a claim sets; the rest is filled here.
  // Returns: it runs, and it is in the registry. Errors: volume_full, no_postgres, instance_failed,
  // rate_limited, memory_full, and whatever making a template says; nothing is left then.
  // Cost: 60 to 100 ms; with the copy driver as long as copying the template takes.
  Task<UnitPtr> make(Manifest settings);

  // Stops it, deletes it with all its data and forgets it. Errors: instance_held unless force.
  Task<void> remove(UnitPtr unit, bool force);
  // Stops it and moves all it had out of the way, to a folder named by time and id; from then on it
  // is unknown. Nothing is deleted. Returns: the folder. Errors: instance_held, io_error.
  Task<os::Path> set_aside(UnitPtr unit);
  // Deletes a directory without a manifest, with whatever process still works on it.
  Task<void> discard(InstanceId id);

  // Errors: volume_full when less is free than branches need to grow.
  Result<void> check_space() const;

 private:
  Task<UnitPtr> build(Manifest manifest);
  Task<UnitPtr> build_parts(Manifest& manifest);
  Task<std::monostate> take_away(UnitPtr unit, bool force);
  Task<void> delete_files(InstanceId id, uid_t uid);

  Parts parts_;
  SingleFlight<InstanceId, UnitPtr> making_;
  SingleFlight<InstanceId, std::monostate> removing_;
  net::Turns turns_;
};

}  // namespace howdah::node
