// SPDX-License-Identifier: Apache-2.0
// Gives instances to those who ask for a database: a spare, or one made for them. Asking again with
// the same token gives the same instance, also while the first request is under way and after a
// crash at any point: the token is in the manifest before anything is answered.
// Owner: NodeService; one thread.
#pragma once
#include <set>
#include <string>

#include "node/spares.h"

namespace howdah::node {

class Claims {
 public:
  struct Parts {
    asio::any_io_executor executor;
    Environment& environment;
    Registry& registry;
    InstanceMaker& maker;
    Spares& spares;
    net::TaskGroup& tasks;       // claims: they end in good order
    net::TaskGroup& background;  // what may be cut off: an agent after us does it again
  };
  explicit Claims(Parts parts);

  // Errors: invalid_request (size class), no_postgres, volume_full, instance_failed.
  // Cost: one durable write with a spare; 60 to 100 ms without.
  Task<nodeapi::Instance> claim(nodeapi::ClaimRequest request);

  // To be called after each change of state of any unit: where the owner's verifier is still to be
  // stored inside, that is done in the background once the instance runs.
  void note_change(const UnitPtr& unit);

 private:
  Task<UnitPtr> serve(nodeapi::ClaimRequest request);
  Task<UnitPtr> give(nodeapi::ClaimRequest request);
  Task<UnitPtr> give_spare(UnitPtr unit, const Manifest& settings);
  Task<void> store_verifier(UnitPtr unit);

  Parts parts_;
  SingleFlight<std::string, UnitPtr> flights_;
  std::set<InstanceId> storing_verifier_;
};

}  // namespace howdah::node
