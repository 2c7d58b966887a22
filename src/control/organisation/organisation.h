// SPDX-License-Identifier: Apache-2.0
// Settings of the organisation: what a database without firewall rules lets in, and caps.
// Owner: make_features; on the loop's thread.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "control/etag.h"
#include "control/organisation/organisation_store.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class OrganisationSettings final : public Feature {
 public:
  OrganisationSettings(Platform& platform, RoutePublisher& routes)
      : platform_(platform), routes_(routes) {}

  void add_routes(Routes& routes) override;

 private:
  struct Wish {
    OrganisationChange change;
    Preconditions preconditions;
    Principal caller;
    std::string request_id;
  };
  Task<http::Response> show(Call call);
  Task<http::Response> change(Call call);
  Task<Organisation> store(Wish wish, pg::Connection& connection);

  Platform& platform_;
  RoutePublisher& routes_;
};

// In the transaction that makes a database: whether the organisation's caps leave room for it and
// its main branch. Holds back others that ask until the end of the transaction.
// storage_limit_bytes: of the new one. The storage of an organisation is the sum over its databases
// of the limit, or of what was last measured where there is none. Errors: limit_reached.
Task<void> check_room_for_database(pg::Connection& connection, OrganisationId id,
                                   std::optional<std::int64_t> storage_limit_bytes = std::nullopt);
// The same of a change that is already written in the transaction. Errors: limit_reached.
Task<void> check_storage_cap(pg::Connection& connection, OrganisationId id);

}  // namespace howdah::control
