// SPDX-License-Identifier: Apache-2.0
// Every feature of the product, in the order in which they start: what watches the outside world
// first, then what works on it.
#include "control/clients/clients.h"
#include "control/connection_strings/connection_strings.h"
#include "control/databases/databases.h"
#include "control/extensions/extensions.h"
#include "control/firewall/denied_log.h"
#include "control/firewall/firewall.h"
#include "control/health/health.h"
#include "control/logs/logs.h"
#include "control/metrics/metrics.h"
#include "control/nodes/node_watcher.h"
#include "control/organisation/organisation.h"
#include "control/passwords/passwords.h"
#include "control/platform.h"
#include "control/routing/publisher.h"
#include "control/stats/stats.h"
#include "control/volumes/volumes.h"

namespace howdah::control {

std::vector<std::unique_ptr<Feature>> make_features(Platform& platform) {
  auto nodes = std::make_unique<NodeWatcher>(platform);
  auto routes = std::make_unique<RoutePublisher>(platform);
  auto databases = std::make_unique<Databases>(platform, *nodes, *routes);
  auto firewall = std::make_unique<Firewall>(platform, *routes);
  auto denied = std::make_unique<DeniedLog>(platform, *routes);
  auto passwords = std::make_unique<Passwords>(platform, *routes);
  auto organisation = std::make_unique<OrganisationSettings>(platform, *routes);
  auto metrics =
      std::make_unique<Metrics>(platform, Metrics::Sources{*nodes, *routes, *databases, *denied});
  auto extensions = std::make_unique<Extensions>(platform, *nodes);
  auto stats = std::make_unique<Stats>(platform, *nodes, *routes);
  auto health = std::make_unique<Health>(platform, *nodes, *routes);
  std::vector<std::unique_ptr<Feature>> features;
  features.push_back(std::move(nodes));
  features.push_back(std::move(routes));
  features.push_back(std::move(databases));
  features.push_back(std::move(firewall));
  features.push_back(std::move(denied));
  features.push_back(std::move(passwords));
  features.push_back(std::move(organisation));
  features.push_back(std::make_unique<ConnectionStrings>(platform));
  features.push_back(std::move(stats));
  features.push_back(std::make_unique<Logs>(platform));
  features.push_back(std::make_unique<Clients>(platform));
  features.push_back(std::make_unique<Volumes>(platform));
  features.push_back(std::move(extensions));
  features.push_back(std::move(health));
  features.push_back(std::move(metrics));
  return features;
}

}  // namespace howdah::control
