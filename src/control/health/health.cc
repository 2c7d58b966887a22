// SPDX-License-Identifier: Apache-2.0
#include "control/health/health.h"

#include <functional>

#include "base/json.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kCatalogDeadline = 2s;
constexpr milliseconds kAskedAgeMax = 1s;

json::object check(bool good, std::string_view otherwise) {
  return {{"status", good ? std::string_view("ok") : otherwise}};
}

}  // namespace

void Health::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/health", Access::open, std::bind_front(&Health::health, this));
}

asio::awaitable<bool> Health::catalog_answers() {
  const auto time = std::chrono::steady_clock::now();
  if (!answered_ || time - asked_at_ > kAskedAgeMax) {
    asked_at_ = time;
    const auto checked = co_await platform_.catalog.check(kCatalogDeadline);
    answered_ = checked.has_value();
  }
  co_return *answered_;
}

Task<http::Response> Health::health(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  const bool catalog = co_await catalog_answers();
  const bool node = nodes_.reachable();
  const auto gates = static_cast<std::int64_t>(routes_.gates());
  json::object gate_check = check(gates > 0, "none");
  gate_check["count"] = gates;
  const json::object body{
      {"status", catalog ? "ok" : "unavailable"},
      {"timestamp", to_rfc3339(now())},
      {"environment", platform_.config.environment},
      {"version", HOWDAH_VERSION},
      {"checks",
       {{"catalog", check(catalog, "unavailable")},
        {"node", check(node, "unavailable")},
        {"volume", {{"status", nodes_.status().volume_state}}},
        {"gates", std::move(gate_check)}}},
  };
  co_return http::json_response(catalog ? 200 : 503, body);
}

}  // namespace howdah::control
