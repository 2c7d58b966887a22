// SPDX-License-Identifier: Apache-2.0
#include "gate/resolve.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "model/names.h"

namespace howdah::gate {
namespace {

// Never a client's role, whatever a route says: without root the gate and the platform are the
// same operating system user, so the instance itself would not refuse it.
constexpr std::array<std::string_view, 2> kPlatformRoles{"howdah_admin", "howdah_monitor"};

std::optional<std::string> slug_of_option(std::string_view database) {
  if (is_slug(database)) return std::string(database);
  return slug_of_logical_database(database);
}

}  // namespace

Destination resolve(const RouteTable& table, const pgwire::ClientStartup& startup,
                    std::string_view server_name) {
  const RoleAndBranch split = split_role(startup.user);
  const auto host = split_host(server_name);
  const std::array<std::optional<std::string>, 4> slugs{
      slug_of_logical_database(startup.database), slug_of_role(split.role),
      host ? std::optional(host->slug) : std::nullopt, slug_of_option(startup.option_database)};

  Destination to;
  to.role_name = startup.user;
  to.database = startup.database;
  to.scope = startup.database;
  to.base_role = split.role;
  std::optional<std::string> slug;
  for (const auto& candidate : slugs) {
    if (!candidate) continue;
    if (!slug) slug = candidate;  // the first one named, unless a later one is known
    if (!table.knows(*candidate)) continue;
    slug = candidate;
    break;
  }
  if (!slug) return to;
  to.scope = *slug;

  if (!split.branch.empty() && (to.route = table.find(*slug, split.branch))) {
    to.role_name = split.role;
  } else if (host && host->slug == *slug && !host->branch.empty()) {
    to.route = table.find(*slug, host->branch);
  } else if (!startup.option_branch.empty()) {
    to.route = table.find(*slug, startup.option_branch);
  } else {
    to.route = table.find(*slug, kMainBranch);
  }
  if (startup.database.empty() || startup.database == startup.user ||
      startup.database == to.role_name) {
    to.database = tenant_database(*slug);
  }
  const bool platform = std::ranges::find(kPlatformRoles, to.role_name) != kPlatformRoles.end();
  if (to.route && !platform) to.role = to.route->find_role(to.role_name);
  if (to.role == nullptr && (to.decoy_route = table.find(*slug, kMainBranch))) {
    to.decoy = to.decoy_route->find_role(split.role);
  }
  return to;
}

}  // namespace howdah::gate
