// SPDX-License-Identifier: Apache-2.0
#include "gate/route_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace howdah::gate {

const RouteRole* ServedRoute::find_role(std::string_view name) const {
  const auto role = std::ranges::find(route.roles, name, &RouteRole::name);
  return role == route.roles.end() ? nullptr : &*role;
}

void RouteTable::insert(Route route) {
  erase(route.branch_id);
  const auto served = std::make_shared<const ServedRoute>(std::move(route));
  by_id_.emplace(served->route.branch_id, served);
  by_slug_[served->route.slug].push_back(served);
}

void RouteTable::erase(const BranchId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return;
  const auto branches = by_slug_.find(found->second->route.slug);
  std::erase(branches->second, found->second);
  if (branches->second.empty()) by_slug_.erase(branches);
  by_id_.erase(found);
}

Result<std::vector<BranchId>> RouteTable::apply(const RouteUpdate& update) {
  std::vector<BranchId> touched;
  if (update.snapshot) {
    for (const auto& [id, route] : by_id_) touched.push_back(id);
    by_id_.clear();
    by_slug_.clear();
  } else if (update.version != version_ + 1) {
    return fail(ErrorCode::conflict, fmt::format("a change to version {} does not continue {}",
                                                 update.version, version_));
  }
  for (const BranchId& id : update.removed) {
    erase(id);
    touched.push_back(id);
  }
  for (const Route& route : update.upserted) {
    insert(route);
    touched.push_back(route.branch_id);
  }
  version_ = update.version;
  return touched;
}

RouteRef RouteTable::find(std::string_view slug, std::string_view branch) const {
  const auto branches = by_slug_.find(std::string(slug));
  if (branches == by_slug_.end()) return nullptr;
  RouteRef best;
  for (const RouteRef& candidate : branches->second) {
    if (candidate->route.branch != branch) continue;
    // The enumeration runs from open to deleted and sealed.
    if (!best || candidate->route.state < best->route.state) best = candidate;
  }
  return best;
}

RouteRef RouteTable::find(const BranchId& id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

bool RouteTable::knows(std::string_view slug) const {
  return by_slug_.contains(std::string(slug));
}

std::vector<RouteRef> RouteTable::all() const {
  std::vector<RouteRef> routes;
  routes.reserve(by_id_.size());
  for (const auto& [id, route] : by_id_) routes.push_back(route);
  return routes;
}

RouteUpdate make_snapshot(const std::vector<RouteRef>& routes, std::uint64_t version) {
  RouteUpdate update;
  update.snapshot = true;
  update.version = version;
  update.upserted.reserve(routes.size());
  for (const RouteRef& served : routes) update.upserted.push_back(served->route);
  return update;
}

}  // namespace howdah::gate
