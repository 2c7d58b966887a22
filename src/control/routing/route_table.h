// SPDX-License-Identifier: Apache-2.0
// What the route stream has told so far: every route and the version. No I/O.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/route.h"

namespace howdah::control {

class RouteTable {
 public:
  // Versions start above every version of an earlier epoch, so they grow over restarts.
  static std::uint64_t first_version(std::uint64_t epoch) { return epoch << 32; }

  explicit RouteTable(std::uint64_t version) : version_(version) {}

  std::uint64_t version() const { return version_; }
  std::size_t size() const { return routes_.size(); }
  const Route* find(const BranchId& id) const;
  RouteUpdate snapshot() const;

  // asked: the branches that were read; those among them without a route lose theirs.
  // Empty: nothing changed, the version stays.
  std::optional<RouteUpdate> apply(const std::vector<BranchId>& asked, std::vector<Route> routes);
  // The same for all branches.
  std::optional<RouteUpdate> replace_all(std::vector<Route> routes);

 private:
  struct Entry {
    Route route;
    std::string text;  // its JSON, to see whether it changed
  };
  std::optional<RouteUpdate> finish(RouteUpdate update);
  void upsert(RouteUpdate& update, Route route);

  std::map<BranchId, Entry> routes_;
  std::uint64_t version_;
};

}  // namespace howdah::control
