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

namespace {

// The change is later than everything that the route's sender knew of the role.
bool is_news(const Route& route, const RouteRole& role, const RoleChange& change) {
  return route.instance_id == change.instance_id &&
         (!role.changed_at || *role.changed_at < change.changed_at);
}

// A new password is the only one; the present ones stay where only the role's rights changed.
void put_in_force(RouteRole& role, const RoleChange& change) {
  role.can_login = change.can_login;
  role.valid_until = change.valid_until;
  const auto known = std::ranges::find(role.verifiers, change.verifier, &RouteVerifier::verifier);
  if (known != role.verifiers.end()) return;
  role.verifiers.clear();
  if (!change.verifier.empty()) role.verifiers.push_back({change.verifier});
}

}  // namespace

void RouteTable::add_learned(Route& route) {
  for (RouteRole& role : route.roles) {
    const auto change = learned_.find({route.branch_id, role.name});
    if (change == learned_.end()) continue;
    if (is_news(route, role, change->second)) {
      put_in_force(role, change->second);
    } else {
      learned_.erase(change);
    }
  }
}

bool RouteTable::learn(const RoleChange& change) {
  const RouteRef served = find(change.branch_id);
  const RouteRole* role = served ? served->find_role(change.role) : nullptr;
  if (role == nullptr || !is_news(served->route, *role, change)) return false;
  const auto key = std::pair(change.branch_id, change.role);
  const auto known = learned_.find(key);
  if (known != learned_.end() && known->second.changed_at >= change.changed_at) return false;
  learned_.insert_or_assign(key, change);
  ++learned_count_;
  insert(served->route);
  return true;
}

std::vector<RoleChange> RouteTable::learned() const {
  std::vector<RoleChange> all;
  for (const auto& [key, change] : learned_) all.push_back(change);
  return all;
}

void RouteTable::insert(Route route) {
  add_learned(route);
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
  } else if (update.version != version_ + (adds_nothing_but_learned(update) ? 0 : 1)) {
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
  // Of branches that are gone.
  std::erase_if(learned_, [this](const auto& one) { return !by_id_.contains(one.first.first); });
  for (const RoleChange& change : update.learned) learn(change);
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

RouteUpdate make_snapshot(const TableContent& content) {
  RouteUpdate update;
  update.snapshot = true;
  update.version = content.version;
  update.learned = content.learned;
  update.upserted.reserve(content.routes.size());
  for (const RouteRef& served : content.routes) update.upserted.push_back(served->route);
  return update;
}

}  // namespace howdah::gate
