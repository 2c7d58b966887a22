// SPDX-License-Identifier: Apache-2.0
// The whitelist of a database: which addresses may connect, on every port. The gates enforce it; an
// answer with 200 or 201 says that all live ones do, one with 202 names those that do not yet.
// Owner: make_features; on the loop's thread.
#pragma once
#include <string>
#include <vector>

#include "control/etag.h"
#include "control/firewall/firewall_store.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class Firewall final : public Feature {
 public:
  static constexpr std::int64_t kRulesMax = 10'000;  // of one database
  // How long a removed rule is still known as removed.
  static constexpr std::chrono::days kKeepRemoved{7};

  Firewall(Platform& platform, RoutePublisher& routes)
      : platform_(platform), routes_(routes), tasks_(platform.executor) {}

  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

 private:
  struct Wish {
    DatabaseId database_id;
    NewFirewallRule wanted;  // for adding
    std::string rule_id;     // for removing
    Preconditions preconditions = {};
    Principal caller;
    std::string request_id;
  };
  template <typename Outcome>
  struct Changed {
    Outcome outcome;
    std::vector<BranchId> branches;
  };
  using Added = Changed<firewall_store::Inserted>;
  using Removed = Changed<firewall_store::Removed>;

  Task<http::Response> add(Call call);
  Task<http::Response> list(Call call);
  Task<http::Response> remove(Call call);
  Task<Added> store_added(Wish wish, pg::Connection& connection);
  Task<Removed> store_removed(Wish wish, pg::Connection& connection);
  asio::awaitable<void> prune_loop();

  Platform& platform_;
  RoutePublisher& routes_;
  net::TaskGroup tasks_;
};

// The rules that a database is made with, and their audit row: in the transaction that makes it, as
// its last part. No addresses: nothing.
struct FirstRules {
  DatabaseId database_id;
  std::vector<AllowedAddress> addresses;
  Principal caller;
  std::string request_id;
};
Task<void> insert_first_rules(const AuditLog& audit, pg::Connection& connection, FirstRules rules);

}  // namespace howdah::control
