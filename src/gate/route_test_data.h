// SPDX-License-Identifier: Apache-2.0
// Routes as the tests of this module want them.
#pragma once
#include <string>

#include "model/names.h"
#include "model/route.h"

namespace howdah::gate {

inline Route make_route(const std::string& slug, const std::string& branch = "main") {
  Route route;
  route.branch_id = BranchId("branch-" + slug + "-" + branch);
  route.database_id = DatabaseId("database-" + slug);
  route.instance_id = InstanceId("i-" + slug);
  route.slug = slug;
  route.branch = branch;
  route.logical_databases = {tenant_database(slug), shadow_database(slug)};
  route.roles = {{owner_role(slug), {}}};
  return route;
}

inline RouteUpdate make_change(std::uint64_t version, std::vector<Route> upserted,
                               std::vector<BranchId> removed = {}) {
  RouteUpdate update;
  update.version = version;
  update.upserted = std::move(upserted);
  update.removed = std::move(removed);
  return update;
}

inline RouteUpdate make_full(std::uint64_t version, std::vector<Route> routes) {
  RouteUpdate update = make_change(version, std::move(routes));
  update.snapshot = true;
  return update;
}

}  // namespace howdah::gate
