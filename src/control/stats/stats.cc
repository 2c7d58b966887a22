// SPDX-License-Identifier: Apache-2.0
#include "control/stats/stats.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/database_store.h"
#include "control/firewall/denied_store.h"
#include "model/names.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kPeriod = 60s;
constexpr int kRoundsPerPrune = 60;

json::object stats_json(const Database& database, const std::string& status,
                        const std::optional<stats_store::Sample>& sample, const BranchUse& use) {
  const ByteCount size = sample ? sample->size_bytes : 0;
  json::object details = sample ? sample->details : json::object();
  return {{"database_id", database.id.str()},
          {"database_name", tenant_database(database.slug)},
          {"size_bytes", size},
          {"size_pretty", to_pretty(size)},
          {"active_connections", use.open_sessions},
          {"max_connections", database.max_connections},
          {"branch_id", database.main_branch.str()},
          {"status", status},
          {"last_activity_at", use.last_activity == Timestamp{}
                                   ? json::value(nullptr)
                                   : json::value(to_rfc3339(use.last_activity))},
          {"sampled_at", sample ? json::value(to_rfc3339(sample->at)) : json::value(nullptr)},
          {"details", std::move(details)}};
}

}  // namespace

void Stats::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/databases/{id}/stats", Access::read,
             std::bind_front(&Stats::show, this));
  routes.keep_answers("/api/databases/{id}/stats");
}

Task<void> Stats::start() {
  tasks_.spawn("stats", sample_loop());
  co_return Result<void>{};
}

asio::awaitable<void> Stats::stop() {
  co_await tasks_.stop();
}

Task<http::Response> Stats::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database,
                co_await database_store::find(pool, DatabaseId(call.request.parameters.at("id"))));
  if (database.status == "deleted") {
    co_return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  if (database.slug.empty()) {
    co_return fail(ErrorCode::conflict, "the database is still being made",
                   "try again in a moment");
  }
  HOWDAH_CO_TRY(auto known, co_await stats_store::last(pool, database.main_branch));
  if (!known || now() - known->at > kFresh) {
    auto fresh =
        co_await sample({database.id, database.main_branch, database.main_instance, database.slug});
    if (fresh) known = std::move(fresh);
  }
  json::object data = stats_json(database, shown_status(database, nodes_).status, known,
                                 routes_.use(database.main_branch));
  HOWDAH_CO_TRY(data["denied_attempts"], co_await denied_store::count(pool, database.id));
  co_return success(200, {.data = std::move(data)});
}

asio::awaitable<std::optional<stats_store::Sample>> Stats::sample(
    stats_store::BranchOfDatabase branch) {
  if (nodes_.state(branch.instance_id) != nodeapi::InstanceState::running) co_return std::nullopt;
  // Only looks at it: no hold is taken, so this neither wakes nor keeps awake.
  const auto instance = co_await platform_.node.instance(branch.instance_id);
  if (!instance || instance->state != nodeapi::InstanceState::running) co_return std::nullopt;
  auto sample = co_await stats_store::ask(instance->socket_directory, branch.slug);
  if (!sample) {
    log::debug("stats", "{}: {}", branch.slug, sample.error().to_log());
    co_return std::nullopt;
  }
  // The server counts its own view of it; a client is what the gate sees.
  sample->active_connections = routes_.use(branch.branch_id).open_sessions;
  const auto saved = co_await stats_store::save(platform_.catalog.pool(), branch, *sample);
  if (!saved) log::debug("stats", "keep a sample: {}", saved.error().to_log());
  co_return std::move(*sample);
}

Task<void> Stats::sample_all() {
  HOWDAH_CO_TRY(const auto branches, co_await stats_store::branches(platform_.catalog.pool()));
  for (const auto& branch : branches) (void)co_await sample(branch);
  co_return Result<void>{};
}

asio::awaitable<void> Stats::sample_loop() {
  for (int round = 1;; ++round) {
    co_await net::sleep_for(kPeriod);
    const auto sampled = co_await sample_all();
    if (!sampled && sampled.error().code == ErrorCode::cancelled) co_return;
    if (!sampled) log::debug("stats", "{}", sampled.error().to_log());
    if (round % kRoundsPerPrune == 0) {
      (void)co_await stats_store::prune(platform_.catalog.pool(), kKeep);
    }
  }
}

}  // namespace howdah::control
