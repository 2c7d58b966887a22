// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/secrets_routes.h"

#include "base/log.h"
#include "control/catalog/settings_store.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

const std::string kShownSetting = "recovery_key_shown_at";
// The id of the key that was shown then.
const std::string kShownIdSetting = "recovery_key_shown_id";
constexpr milliseconds kRenewEvery{3'600'000};

}  // namespace

SecretsRoutes::SecretsRoutes(Platform& platform, std::function<Result<void>()> renew)
    : platform_(platform), renew_(std::move(renew)), tasks_(platform.executor) {}

void SecretsRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/ca.crt", Access::open,
             std::bind_front(&SecretsRoutes::certificate, this));
  routes.add(http::Method::post, "/internal/recovery-key", Access::local,
             std::bind_front(&SecretsRoutes::recovery_key, this));
}

Task<void> SecretsRoutes::start() {
  tasks_.spawn("tls", renew_loop());
  co_return Result<void>{};
}

asio::awaitable<void> SecretsRoutes::stop() {
  co_await tasks_.stop();
}

asio::awaitable<void> SecretsRoutes::renew_loop() {
  for (;;) {
    co_await net::sleep_for(kRenewEvery);
    const auto renewed = renew_();
    // 30 days of attempts lie before the certificate's end.
    if (!renewed) log::warn("tls", "cannot renew the certificate: {}", renewed.error().to_log());
  }
}

Task<http::Response> SecretsRoutes::certificate(Call) {
  http::Response response;
  response.headers["Content-Type"] = "application/x-pem-file";
  response.headers["Content-Disposition"] = "attachment; filename=\"howdah-ca.crt\"";
  response.body = platform_.tls.ca_certificate_pem();
  co_return response;
}

Task<http::Response> SecretsRoutes::recovery_key(Call call) {
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_CHECK(co_await pool.transaction<void>(
      std::bind_front(&SecretsRoutes::record, this, call.caller, call.request.request_id)));
  json::object data{{"recovery_key", platform_.vault.recovery_key()}};
  http::Response response = success(200, {.data = std::move(data)});
  response.headers["Cache-Control"] = "no-store";
  co_return response;
}

Task<void> SecretsRoutes::record(Principal caller, std::string request_id, pg::Connection& in) {
  HOWDAH_CO_CHECK(
      co_await settings_store::write_in(in, kShownSetting, json::value(to_rfc3339(now()))));
  HOWDAH_CO_CHECK(co_await settings_store::write_in(in, kShownIdSetting,
                                                    json::value(platform_.vault.current_id())));
  co_return co_await platform_.audit.append(
      in, caller, {.action = "recovery_key.show", .subject = "key_ring", .request_id = request_id});
}

Task<std::string> SecretsRoutes::show_recovery_key_once() {
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const auto shown, co_await settings_store::read(pool, kShownSetting));
  if (shown) co_return std::string();
  HOWDAH_CO_CHECK(co_await pool.transaction<void>(
      std::bind_front(&SecretsRoutes::record, this, system_principal("first start"), "")));
  co_return platform_.vault.recovery_key();
}

// A catalog from before the id was kept had one key only.
Task<bool> recovery_key_is_known(pg::Pool& pool, const Vault& vault) {
  HOWDAH_CO_TRY(const auto shown_id, co_await settings_store::read(pool, kShownIdSetting));
  if (shown_id) co_return *shown_id == json::value(vault.current_id());
  HOWDAH_CO_TRY(const auto shown_at, co_await settings_store::read(pool, kShownSetting));
  co_return shown_at.has_value() && vault.keys().size() == 1;
}

}  // namespace howdah::control
