// SPDX-License-Identifier: Apache-2.0
#include "control/databases/reconciler.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/database_store.h"
#include "control/databases/elapsed_time.h"
#include "control/databases/instances.h"

namespace howdah::control {
namespace {

bool runs(const nodeapi::Instance& instance) {
  return instance.state == nodeapi::InstanceState::running ||
         instance.state == nodeapi::InstanceState::starting;
}

}  // namespace

asio::awaitable<void> Reconciler::run() {
  while (true) {
    const auto looked = co_await look_if_changed();
    if (!looked && looked.error().code == ErrorCode::cancelled) co_return;
    // Whoever is away (node, catalog) is reported by the one that talks to it all the time.
    if (!looked) log::debug("reconciler", "{}", looked.error().to_log());
    co_await net::sleep_for(kPeriod);
  }
}

Task<void> Reconciler::look_if_changed(std::chrono::seconds settling) {
  const auto time = std::chrono::steady_clock::now();
  Versions versions;
  HOWDAH_CO_TRY(versions.node, co_await platform_.node.inventory_version());
  HOWDAH_CO_TRY(versions.catalog,
                co_await reconciler_store::inventory_version(platform_.catalog.pool()));
  const bool changed = seen_ != versions;
  if (changed) changed_at_ = time;
  if (!changed && time - changed_at_ >= settling && time - compared_at_ < kCompareAnyway) {
    co_return co_await purge_due();
  }
  HOWDAH_CO_CHECK(co_await look());
  seen_ = std::move(versions);
  compared_at_ = time;
  co_return Result<void>{};
}

Task<void> Reconciler::look(std::chrono::seconds grace) {
  ++comparisons_;
  HOWDAH_CO_TRY(const auto instances, co_await platform_.node.instances());
  HOWDAH_CO_CHECK(co_await compare_claims(instances, grace));
  HOWDAH_CO_CHECK(co_await report_missing(instances));
  HOWDAH_CO_CHECK(co_await align(instances));
  HOWDAH_CO_CHECK(co_await take_back(instances, grace));
  HOWDAH_CO_CHECK(co_await record_held_back(instances));
  co_return co_await purge_due();
}

Task<void> Reconciler::compare_claims(std::vector<nodeapi::Instance> instances,
                                      std::chrono::seconds grace) {
  std::map<std::string, nodeapi::Instance> by_token;
  std::vector<std::string> tokens;
  for (nodeapi::Instance& instance : instances) {
    if (instance.token.empty()) continue;
    tokens.push_back(instance.token);
    by_token.insert_or_assign(instance.token, std::move(instance));
  }
  std::erase_if(first_seen_, [&](const auto& seen) { return !by_token.contains(seen.first); });
  if (tokens.empty()) co_return Result<void>{};
  HOWDAH_CO_TRY(const auto claims,
                co_await reconciler_store::claims(platform_.catalog.pool(), std::move(tokens)));
  const auto time = std::chrono::steady_clock::now();
  for (const reconciler_store::Claim& claim : claims) {
    const bool fits = !claim.branch_status.empty() && claim.branch_status != "deleted";
    if (fits || claim.job_unfinished) {
      first_seen_.erase(claim.token);
      continue;
    }
    const auto seen = first_seen_.try_emplace(claim.token, time).first->second;
    if (time - seen < grace) continue;
    HOWDAH_CO_CHECK(co_await settle(by_token.at(claim.token), claim));
  }
  co_return Result<void>{};
}

Task<void> Reconciler::settle(nodeapi::Instance instance, reconciler_store::Claim claim) {
  if (claim.branch_status.empty() && claim.job_failed) {
    log::info("reconciler", "instance {} of a database that was never finished: removed",
              instance.id.str());
    co_return co_await platform_.node.remove(instance.id, true);
  }
  if (claim.branch_status.empty() && reported_orphans_.insert(instance.id).second) {
    log::warn("reconciler",
              "instance {} ({}) belongs to no branch in the catalog: stopped, its data is kept",
              instance.id.str(), instance.slug);
  }
  if (!runs(instance)) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await platform_.node.stop(instance.id, true));
  co_return Result<void>{};
}

Task<void> Reconciler::report_missing(std::vector<nodeapi::Instance> instances) {
  std::vector<InstanceId> present;
  for (const nodeapi::Instance& instance : instances) present.push_back(instance.id);
  HOWDAH_CO_TRY(const auto missing,
                co_await reconciler_store::missing(platform_.catalog.pool(), std::move(present)));
  for (const InstanceId& id : missing) {
    if (!reported_missing_.insert(id).second) continue;
    log::error("reconciler", "instance {} of an active branch is not on the node", id.str());
  }
  co_return Result<void>{};
}

Task<void> Reconciler::align(std::vector<nodeapi::Instance> instances) {
  HOWDAH_CO_TRY(const auto all,
                co_await instance_store::wanted(platform_.catalog.pool(), std::nullopt));
  std::map<InstanceId, const nodeapi::Instance*> present;
  for (const nodeapi::Instance& instance : instances) present.emplace(instance.id, &instance);
  for (const auto& wanted : all) {
    const auto found = present.find(wanted.instance_id);
    if (found == present.end() || fits(*found->second, wanted.settings)) continue;
    HOWDAH_CO_CHECK(co_await align_instance(platform_.node, wanted));
    log::info("reconciler", "instance {} was brought in line with the catalog",
              wanted.instance_id.str());
  }
  co_return Result<void>{};
}

Task<void> Reconciler::take_back(std::vector<nodeapi::Instance> instances,
                                 std::chrono::seconds grace) {
  HOWDAH_CO_TRY(const auto found,
                co_await reconciler_store::half_made(platform_.catalog.pool(), grace));
  for (const reconciler_store::HalfMade& half : found) {
    for (const nodeapi::Instance& instance : instances) {
      if (instance.token != half.branch_id.str()) continue;
      HOWDAH_CO_CHECK(co_await platform_.node.remove(instance.id, true));
    }
    HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<bool>(
        std::bind_front(&Reconciler::forget, this, half.database_id)));
    log::info("reconciler", "database {} was never finished: taken back", half.database_id.str());
  }
  co_return Result<void>{};
}

Task<bool> Reconciler::forget(DatabaseId id, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool removed, co_await database_store::remove_creating(connection, id));
  if (!removed) co_return false;
  AuditEntry entry;
  entry.action = "database.create_failed";
  entry.subject = "database:" + id.str();
  entry.database_id = id;
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, system_principal("reconciler"),
                                                  std::move(entry)));
  co_return true;
}

Task<void> Reconciler::record_held_back(std::vector<nodeapi::Instance> instances) {
  for (const nodeapi::Instance& instance : instances) {
    if (instance.held_back == held_back_.contains(instance.id)) continue;
    HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<bool>(
        std::bind_front(&Reconciler::record, this, instance)));
    if (instance.held_back) {
      held_back_.insert(instance.id);
    } else {
      held_back_.erase(instance.id);
    }
  }
  co_return Result<void>{};
}

Task<bool> Reconciler::record(nodeapi::Instance instance, pg::Connection& connection) {
  AuditEntry entry;
  entry.action = instance.held_back ? "database.hold_back" : "database.let_go_on";
  entry.details = {{"reason", "volume full"}, {"instance_id", instance.id.str()}};
  HOWDAH_CO_TRY(const auto id, co_await reconciler_store::database_of(connection, instance.token));
  if (id) {
    entry.subject = "database:" + id->str();
    entry.database_id = *id;
  }
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, system_principal("reconciler"),
                                                  std::move(entry)));
  co_return true;
}

Task<void> Reconciler::purge_due() {
  HOWDAH_CO_TRY(const bool any, co_await reconciler_store::any_deleted(platform_.catalog.pool()));
  if (!any) co_return Result<void>{};
  const auto time = std::chrono::steady_clock::now();
  if (time >= next_tick_) {
    HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<Moment>(&tick));
    next_tick_ = time + kTickPeriod;
  }
  HOWDAH_CO_TRY(const auto due, co_await reconciler_store::purgeable(platform_.catalog.pool()));
  for (const DatabaseId& id : due) {
    const auto database = co_await database_store::find(platform_.catalog.pool(), id);
    if (!database) continue;
    const auto queued = co_await deleting_.start_purge(*database);
    if (!queued && queued.error().code != ErrorCode::conflict) {
      co_return std::unexpected(queued.error());
    }
  }
  co_return Result<void>{};
}

}  // namespace howdah::control
