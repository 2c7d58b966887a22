// SPDX-License-Identifier: Apache-2.0
// Every route this gate serves, in memory. Lookups cost one hash; a route is immutable once
// published, so a session may keep the one it was admitted by.
// Owned by the gate, used on its one thread; RouteRef values may be read on any thread.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
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

  // A role was changed inside the instance: in force from now on, until a route comes that knows
  // it or something later. False: it is known, older, or not of this route.
  bool learn(const RoleChange& change);
  // What is in force by learn() only.
  std::vector<RoleChange> learned() const;
  // Grows with each change that was learned.
  std::uint64_t learned_count() const { return learned_count_; }

  // Empty: unknown. Where a deleted branch and its successor share a name, the one that serves.
  RouteRef find(std::string_view slug, std::string_view branch) const;
  RouteRef find(const BranchId& id) const;
  bool knows(std::string_view slug) const;

  std::vector<RouteRef> all() const;

 private:
  void insert(Route route);
  void add_learned(Route& route);
  void erase(const BranchId& id);

  using Branches = std::vector<RouteRef>;  // all branches of one database
  std::unordered_map<std::string, Branches> by_slug_;
  std::unordered_map<BranchId, RouteRef> by_id_;
  std::map<std::pair<BranchId, std::string>, RoleChange> learned_;  // by branch and role
  std::uint64_t learned_count_ = 0;
  std::uint64_t version_ = 0;
};

// All of it as one update, for the route file.
struct TableContent {
  std::vector<RouteRef> routes;
  std::vector<RoleChange> learned;
  std::uint64_t version = 0;
};
RouteUpdate make_snapshot(const TableContent& content);

}  // namespace howdah::gate
