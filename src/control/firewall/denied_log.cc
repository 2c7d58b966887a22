// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/denied_log.h"

#include <charconv>
#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/database_store.h"
#include "control/firewall/denied_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kSavePeriod = 1s;
constexpr int kSavesPerPrune = 60;
constexpr std::size_t kBatchMax = 1'000;
constexpr std::size_t kAddressMax = 45;  // an IPv6 address with an IPv4 one at its end

json::object to_json(const denied_store::Row& row) {
  const DeniedAttempt& denied = row.attempt;
  return {{"branch", row.branch},
          {"branch_id", denied.branch_id.str()},
          {"address", denied.address.empty() ? json::value(nullptr) : json::value(denied.address)},
          {"count", denied.direct_count + denied.pooled_count},
          {"direct_count", denied.direct_count},
          {"pooled_count", denied.pooled_count},
          {"first_at", to_rfc3339(denied.first_at)},
          {"last_at", to_rfc3339(denied.last_at)}};
}

// This list is in the order of numbers.
void check_cursor(QueryReader& query, const Page& page) {
  if (!page.after) return;
  std::int64_t number = 0;
  const std::string& text = page.after->id;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    query.reject("cursor", "is not a cursor that this list gave");
  }
}

}  // namespace

DeniedLog::DeniedLog(Platform& platform, RoutePublisher& routes)
    : platform_(platform), tasks_(platform.executor) {
  routes.on_denied(std::bind_front(&DeniedLog::collect, this));
}

void DeniedLog::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/databases/{id}/whitelist/denied", Access::read,
             std::bind_front(&DeniedLog::list, this));
}

Task<void> DeniedLog::start() {
  tasks_.spawn("denied attempts", save_loop());
  co_return Result<void>{};
}

asio::awaitable<void> DeniedLog::stop() {
  co_await tasks_.stop();
  const auto saved = co_await save();
  if (!saved) log::info("firewall", "refused attempts not kept: {}", saved.error().to_log());
}

void DeniedLog::collect(std::vector<DeniedAttempt> attempts) {
  for (DeniedAttempt& one : attempts) {
    // One value that the catalog cannot take would hold up all others.
    if (!is_uuid(one.branch_id.str()) || one.address.size() > kAddressMax) continue;
    total_ += one.direct_count + one.pooled_count;
    pending_.add(std::move(one));
  }
}

Task<void> DeniedLog::save() {
  while (!pending_.empty()) {
    auto batch = pending_.take(kBatchMax);
    const auto saved = co_await denied_store::add(platform_.catalog.pool(), batch);
    if (saved) continue;
    for (DeniedAttempt& one : batch) pending_.add(std::move(one));
    co_return saved;
  }
  co_return Result<void>{};
}

Task<void> DeniedLog::prune() {
  co_return co_await denied_store::prune(platform_.catalog.pool(),
                                         {kKeep, kAddressesPerDatabaseMax});
}

asio::awaitable<void> DeniedLog::save_loop() {
  bool written = true;
  for (int round = 1;; ++round) {
    co_await net::sleep_for(kSavePeriod);
    written = written || !pending_.empty();
    // The catalog may be restarting: the next round will do.
    const auto saved = co_await save();
    if (!saved) log::debug("firewall", "keep refused attempts: {}", saved.error().to_log());
    if (round % kSavesPerPrune != 0 || !std::exchange(written, false)) continue;
    const auto pruned = co_await prune();
    if (!pruned) log::debug("firewall", "prune refused attempts: {}", pruned.error().to_log());
  }
}

Task<http::Response> DeniedLog::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  check_cursor(query, page);
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database,
                co_await database_store::find(pool, DatabaseId(call.request.parameters.at("id"))));
  HOWDAH_CO_CHECK(co_await save());
  HOWDAH_CO_TRY(const auto denied, co_await denied_store::list(pool, database.id, page));
  std::vector<ListRow> rows;
  rows.reserve(denied.size());
  for (const denied_store::Row& row : denied) {
    rows.push_back({to_json(row), {row.attempt.last_at, std::to_string(row.id)}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

}  // namespace howdah::control
