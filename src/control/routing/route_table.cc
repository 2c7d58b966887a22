// SPDX-License-Identifier: Apache-2.0
#include "control/routing/route_table.h"

#include <algorithm>
#include <set>

namespace howdah::control {

const Route* RouteTable::find(const BranchId& id) const {
  const auto entry = routes_.find(id);
  return entry == routes_.end() ? nullptr : &entry->second.route;
}

RouteUpdate RouteTable::snapshot() const {
  RouteUpdate update;
  update.snapshot = true;
  update.version = version_;
  update.upserted.reserve(routes_.size());
  for (const auto& [id, entry] : routes_) update.upserted.push_back(entry.route);
  return update;
}

std::optional<RouteUpdate> RouteTable::apply(const std::vector<BranchId>& asked,
                                             std::vector<Route> routes) {
  RouteUpdate update;
  std::set<BranchId> found;
  for (Route& route : routes) {
    found.insert(route.branch_id);
    upsert(update, std::move(route));
  }
  for (const BranchId& id : asked) {
    if (!found.contains(id) && routes_.erase(id) > 0) update.removed.push_back(id);
  }
  return finish(std::move(update));
}

std::optional<RouteUpdate> RouteTable::replace_all(std::vector<Route> routes) {
  std::vector<BranchId> known;
  known.reserve(routes_.size());
  for (const auto& [id, entry] : routes_) known.push_back(id);
  return apply(known, std::move(routes));
}

void RouteTable::upsert(RouteUpdate& update, Route route) {
  std::string text = boost::json::serialize(to_json(route));
  Entry& entry = routes_[route.branch_id];
  if (entry.text == text) return;
  entry = Entry{route, std::move(text)};
  update.upserted.push_back(std::move(route));
}

std::optional<RouteUpdate> RouteTable::finish(RouteUpdate update) {
  if (update.upserted.empty() && update.removed.empty()) return std::nullopt;
  update.version = ++version_;
  return update;
}

}  // namespace howdah::control
