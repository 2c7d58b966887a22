// SPDX-License-Identifier: Apache-2.0
// What every feature of the control plane is given, and how features are plugged in.
// One loop, one thread: no member needs a lock.
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <vector>

#include "control/api_keys/api_keys.h"
#include "control/audit/audit_log.h"
#include "control/catalog/catalog.h"
#include "control/changes.h"
#include "control/jobs/engine.h"
#include "control/routes.h"
#include "control/secrets/tls_files.h"
#include "control/secrets/vault.h"
#include "control/service/config.h"
#include "net/task_group.h"
#include "nodeapi/client.h"

namespace howdah::control {

// All outlive every feature.
struct Platform {
  asio::any_io_executor executor;
  asio::thread_pool& blocking;  // for files and programs (net::offload)
  const Config& config;         // ports are the real ones, also where 0 was asked
  nodeapi::Client& node;
  Catalog& catalog;
  Vault& vault;
  const TlsFiles& tls;
  const AuditLog& audit;
  JobEngine& jobs;
  ApiKeys& api_keys;
  Changes& changes;
};

// A feature folder's front. Order of calls: constructor, add_jobs, add_routes, start ... stop.
// The catalog is open and migrated from the constructor on.
class Feature {
 public:
  virtual ~Feature() = default;
  // Job kinds and schedules.
  virtual void add_jobs(JobEngine&) {}
  virtual void add_routes(Routes&) {}
  // Loads what it needs and starts loops in a TaskGroup of its own. An error ends howdahd.
  virtual Task<void> start() { co_return Result<void>{}; }
  // Ends its loops. No request and no job runs any more.
  virtual asio::awaitable<void> stop() { co_return; }
};

// Every feature of the product, in the order in which they start (features.cc).
std::vector<std::unique_ptr<Feature>> make_features(Platform& platform);

}  // namespace howdah::control
