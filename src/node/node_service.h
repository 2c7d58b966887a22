// SPDX-License-Identifier: Apache-2.0
// The node agent: puts its parts together, starts them in order and ends them in order. It can end
// in two ways: leave() goes and lets every instance run, for the next agent to adopt; shut_down()
// stops everything first.
// One thread; main() owns it.
#pragma once
#include <memory>
#include <string>

#include "http/server.h"
#include "node/admission.h"
#include "node/catalog_instance.h"
#include "node/claims.h"
#include "node/disk_guard.h"
#include "node/hardener.h"
#include "node/log_keeper.h"
#include "node/postgres_source.h"
#include "node/routes.h"
#include "node/storage_watch.h"
#include "node/suspender.h"

namespace howdah::node {

class NodeService : private NodeCalls {
 public:
  NodeService(asio::any_io_executor executor, std::unique_ptr<Environment> environment);
  // leave() or abandon_start() has been awaited.
  ~NodeService() override;

  // Success: catalog and API serve. Spares are made afterwards, beside it.
  // After a failure abandon_start() is to be awaited.
  Task<void> start();
  // Stops what start() has started; what ran before runs on.
  asio::awaitable<void> abandon_start();
  // Waits for the end of a shut_down() that came over the API.
  asio::awaitable<void> wait_shut_down();
  // Every instance goes on. What is being made or started is given a few seconds to be finished.
  asio::awaitable<void> leave();

 private:
  // NodeCalls, for the API.
  nodeapi::NodeStatus status(os::DiskSpace space) const override;
  asio::awaitable<os::DiskSpace> volume_space() override;
  Task<instance::LogPiece> read_log(InstanceId id, instance::LogRange range) override;
  Task<void> remove(InstanceId id, bool force) override;
  Task<os::Path> set_aside(InstanceId id) override;
  Task<void> grow_volume(ByteCount size_bytes) override;
  Task<void> shut_down() override;
  bool closing() const override { return closing_; }
  Registry& registry() override { return registry_; }
  Claims& claims() override { return claims_; }
  RoleKeeper& roles() override { return roles_; }
  Journal& journal() override { return journal_; }

  Task<void> make_other_templates();
  Task<void> take_inventory();
  Task<void> admit(Manifest manifest);
  void on_change(const UnitPtr& unit);
  Task<void> prepare(UnitPtr unit);
  Task<void> settle_owner(UnitPtr unit);
  asio::awaitable<void> end_work(milliseconds limit);
  bool end_groups();
  Task<void> stop_instances();
  asio::awaitable<void> stop_some(std::shared_ptr<std::vector<UnitPtr>> left,
                                  std::shared_ptr<std::size_t> failed);
  Task<void> close_volume();

  asio::any_io_executor executor_;
  std::unique_ptr<Environment> environment_;
  net::TaskGroup transitions_;
  net::TaskGroup watchers_;
  net::TaskGroup background_;
  Journal journal_;
  PostgresSource source_;
  Registry registry_;
  Admission admission_;
  Templates templates_;
  OwnerSync owner_sync_;
  InstanceMaker maker_;
  Spares spares_;
  RoleKeeper roles_;
  Hardener hardener_;
  Claims claims_;
  Suspender suspender_;
  StorageWatch storage_watch_;
  DiskGuard disk_guard_;
  LogKeeper log_keeper_;
  CatalogInstance catalog_;
  http::Router router_;
  NodeRoutes routes_;
  http::Server server_;
  asio::steady_timer ended_;
  bool closing_ = false;
  bool shut_down_done_ = false;
};

}  // namespace howdah::node
