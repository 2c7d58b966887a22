// SPDX-License-Identifier: Apache-2.0
// Brings instances that an earlier Howdah made to what instance/hardening_store.h is now: one that
// sleeps before its next first client, one that was adopted while it runs.
// Owner: NodeService; one thread.
#pragma once
#include <set>

#include "node/registry.h"

namespace howdah::node {

class Hardener {
 public:
  Hardener(Environment& environment, net::TaskGroup& background)
      : environment_(environment), background_(background) {}

  // To be awaited when the instance accepts connections and before anybody is told so. Costs
  // nothing where it was done before.
  Task<void> prepare(UnitPtr unit);
  // To be called after each change of state of any unit.
  void note_change(const UnitPtr& unit);

 private:
  asio::awaitable<void> catch_up(UnitPtr unit);

  Environment& environment_;
  net::TaskGroup& background_;
  std::set<InstanceId> catching_up_;
};

}  // namespace howdah::node
