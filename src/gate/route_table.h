// SPDX-License-Identifier: Apache-2.0
// Every route this gate serves, in memory. Lookups cost one hash; a route is immutable once
// published, so a session may keep the one it was admitted by.
// Owned by the gate, used on its one thread; RouteRef values may be read on any thread.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "gate/firewall.h"
#include "model/route.h"

namespace howdah::gate {

struct ServedRoute {
  explicit ServedRoute(Route from)
      : route(std::move(from)), firewall(route.rules, route.default_closed) {}

  const RouteRole* find_role(std::string_view name) const;

  Route route;
  Firewall firewall;
};
using RouteRef = std::shared_ptr<const ServedRoute>;

class RouteTable {
 public:
  std::uint64_t version() const { return version_; }
  std::size_t size() const { return by_id_.size(); }

  // Returns the branches whose live sessions must be judged again.
  // Errors: conflict for a change that does not continue the present version; nothing is applied.
  Result<std::vector<BranchId>> apply(const RouteUpdate& update);

  // Empty: unknown. Where a deleted branch and its successor share a name, the one that serves.
  RouteRef find(std::string_view slug, std::string_view branch) const;
  RouteRef find(const BranchId& id) const;
  bool knows(std::string_view slug) const;

  std::vector<RouteRef> all() const;

 private:
  void insert(Route route);
  void erase(const BranchId& id);

  using Branches = std::vector<RouteRef>;  // all branches of one database
  std::unordered_map<std::string, Branches> by_slug_;
  std::unordered_map<BranchId, RouteRef> by_id_;
  std::uint64_t version_ = 0;
};

// All of it as one update, for the route file.
RouteUpdate make_snapshot(const std::vector<RouteRef>& routes, std::uint64_t version);

}  // namespace howdah::gate
