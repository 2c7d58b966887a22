// SPDX-License-Identifier: Apache-2.0
// Gives instances to those who ask for a database: a spare, or one made for them. Asking again with
// the same token gives the same instance, also while the first request is under way and after a
// crash at any point: the token is in the manifest before anything is answered.
// Owner: NodeService; one thread.
#pragma once
#include <string>

#include "node/role_keeper.h"
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
    RoleKeeper& roles;
    net::TaskGroup& tasks;  // claims: they end in good order
  };
  explicit Claims(Parts parts);

  // Errors: invalid_request (size class), no_postgres, volume_full, instance_failed.
  // Cost: one durable write with a spare; 60 to 100 ms without.
  Task<nodeapi::Instance> claim(nodeapi::ClaimRequest request);

 private:
  Task<UnitPtr> serve(nodeapi::ClaimRequest request);
  Task<UnitPtr> give(nodeapi::ClaimRequest request);
  Task<UnitPtr> give_spare(UnitPtr unit, const Manifest& settings);

  Parts parts_;
  SingleFlight<std::string, UnitPtr> flights_;
};

}  // namespace howdah::node
