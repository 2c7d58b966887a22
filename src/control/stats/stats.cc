// SPDX-License-Identifier: Apache-2.0
#include "control/stats/stats.h"

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/ready_database.h"
#include "control/firewall/denied_store.h"
#include "model/names.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kPeriod = 60s;
constexpr int kRoundsPerPrune = 60;
constexpr std::string_view kStorageBytes = "storage_bytes";  // in the details of a sample

// What its files take: as the node measured it last, else as it was sampled while it ran.
json::object storage_json(const Database& database,
                          const std::optional<nodeapi::Instance>& instance,
                          const json::object& sampled) {
  std::optional<std::int64_t> bytes;
  if (instance) bytes = instance->storage_bytes;
  const json::value* known = sampled.if_contains(kStorageBytes);
  if (!bytes && known != nullptr && known->is_int64()) bytes = known->get_int64();
  const auto pretty = [](const std::optional<std::int64_t>& size) {
    return size ? json::value(to_pretty(static_cast<ByteCount>(*size))) : json::value(nullptr);
  };
  const auto number = [](const std::optional<std::int64_t>& size) {
    return size ? json::value(*size) : json::value(nullptr);
  };
  return {{"storage_bytes", number(bytes)},
          {"storage_pretty", pretty(bytes)},
          {"storage_limit_bytes", number(database.storage_limit_bytes)},
          {"storage_limit_pretty", pretty(database.storage_limit_bytes)},
          {"storage_state", instance && instance->storage_full ? "read_only" : "ok"}};
}

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

// kind: what the platform made it for, or that a user made it.
json::object logical_database_json(const json::object& seen, const std::string& slug,
                                   const std::optional<Timestamp>& at) {
  json::object shown = seen;
  const std::string name(seen.at("name").as_string());
  const char* kind = name == tenant_database(slug)   ? "main"
                     : name == shadow_database(slug) ? "shadow"
                     : name == "postgres"            ? "maintenance"
                                                     : "user";
  shown["kind"] = kind;
  shown["size_pretty"] = to_pretty(seen.at("size_bytes").to_number<ByteCount>());
  shown["sampled_at"] = at ? json::value(to_rfc3339(*at)) : json::value(nullptr);
  return shown;
}

}  // namespace

void Stats::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/databases/{id}/stats", Access::read,
             std::bind_front(&Stats::show, this));
  routes.add(http::Method::get, "/api/databases/{id}/logical-databases", Access::read,
             std::bind_front(&Stats::list_databases, this));
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
  HOWDAH_CO_TRY(const Database database, co_await find_ready_database(pool, call.request));
  HOWDAH_CO_TRY(auto known, co_await stats_store::last(pool, database.main_branch));
  if (!known || now() - known->at > kFresh) {
    auto fresh =
        co_await sample({database.id, database.main_branch, database.main_instance, database.slug});
    if (fresh) known = std::move(fresh);
  }
  json::object data = stats_json(database, shown_status(database, nodes_).status, known,
                                 routes_.use(database.main_branch));
  std::optional<nodeapi::Instance> instance;
  if (auto shown = co_await platform_.node.instance(database.main_instance)) {
    instance = std::move(*shown);
  }
  const json::object sampled = known ? known->details : json::object();
  for (auto& field : storage_json(database, instance, sampled)) {
    data[field.key()] = std::move(field.value());
  }
  HOWDAH_CO_TRY(data["denied_attempts"], co_await denied_store::count(pool, database.id));
  co_return success(200, {.data = std::move(data)});
}

Task<http::Response> Stats::list_databases(Call call) {
  QueryReader query(call.request.query);
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database, co_await find_branch_database(pool, call.request, query));
  stats_store::LogicalDatabases known;
  auto fresh =
      co_await sample({database.id, database.main_branch, database.main_instance, database.slug});
  if (fresh) {
    known = {fresh->at, std::move(fresh->logical_databases)};
  } else {
    HOWDAH_CO_TRY(known, co_await stats_store::logical_databases(pool, database.main_branch));
  }
  json::array rows;
  for (const json::value& one : known.list) {
    rows.push_back(logical_database_json(one.as_object(), database.slug, known.at));
  }
  co_return list_response(call.request, std::move(rows), std::nullopt);
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
  if (instance->storage_bytes) sample->details[kStorageBytes] = *instance->storage_bytes;
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
