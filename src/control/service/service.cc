// SPDX-License-Identifier: Apache-2.0
#include "control/service/service.h"

#include <unistd.h>

#include <boost/asio/ssl/context.hpp>
#include <ranges>

#include "base/log.h"
#include "control/api_keys/api_key_routes.h"
#include "control/audit/audit_routes.h"
#include "control/catalog/catalog_upkeep.h"
#include "control/contract/contract_routes.h"
#include "control/idempotency/idempotency.h"
#include "control/operations/operation_routes.h"
#include "control/secrets/key_rotation.h"
#include "control/secrets/secrets_routes.h"

namespace howdah::control {
namespace {

constexpr milliseconds kCatalogDeadline{50'000};
constexpr std::size_t kBlockingThreads = 2;
constexpr std::string_view kPortFlag = "--http-port";

}  // namespace

Service::Service(asio::io_context& io, Config config)
    : executor_(io.get_executor()),
      config_(std::move(config)),
      blocking_(kBlockingThreads),
      node_(executor_, (config_.runtime_dir / "node.sock").string()),
      catalog_(executor_, blocking_, DumpFolders::of_data_folder(config_.data_dir)),
      jobs_(executor_, catalog_),
      limits_(config_.rate_limits),
      answers_(std::bind_front(&Service::version, this)) {}

std::uint64_t Service::version() const {
  return catalog_.pool().writes() + changes_.count();
}

Service::~Service() {
  blocking_.join();
}

// Ports first: a taken one is the most likely fault, and it is told before anything is touched.
Task<void> Service::start() {
  HOWDAH_CO_CHECK(bind());
  HOWDAH_CO_TRY(vault_, Vault::open(config_.data_dir / "secrets"));
  HOWDAH_CO_TRY(tls_, TlsFiles::open(config_.data_dir, config_.certificate_hosts(), now()));
  HOWDAH_CO_CHECK(co_await open_catalog());
  HOWDAH_CO_CHECK(co_await start_keys());
  HOWDAH_CO_CHECK(co_await start_features());
  HOWDAH_CO_CHECK(serve());
  ready_["http_port"] = config_.http_port;
  ready_["first_start"] = catalog_.created();
  HOWDAH_CO_TRY(const std::string recovery_key, co_await secrets_->show_recovery_key_once());
  if (!recovery_key.empty()) ready_["recovery_key"] = recovery_key;
  log::info("howdahd", "serving on port {}", config_.http_port);
  co_return Result<void>{};
}

Result<void> Service::bind() {
  for (const std::string& address : config_.listen) {
    HOWDAH_TRY(auto acceptor, net::listen_tcp(executor_, address, config_.http_port, kPortFlag));
    // All addresses share one port, also where the system chose it.
    error_code error;
    const auto endpoint = acceptor.local_endpoint(error);
    if (error) return net::fail_net("bind", error);
    config_.http_port = endpoint.port();
    tcp_.push_back(std::move(acceptor));
  }
  // Anybody may connect; who is trusted is told by the peer's uid.
  HOWDAH_TRY(local_,
             net::listen_unix(executor_, (config_.runtime_dir / "control.sock").string(), 0666));
  return {};
}

Task<void> Service::open_catalog() {
  HOWDAH_CO_TRY(CatalogPlace place, co_await Catalog::find(node_, kCatalogDeadline));
  HOWDAH_CO_CHECK(
      co_await catalog_.open(std::move(place), embedded_migrations(), kCatalogDeadline));
  auto audit = co_await AuditLog::open(catalog_.pool(), *vault_);
  if (!audit) co_return std::unexpected(std::move(audit).error());
  audit_.emplace(std::move(*audit));
  co_return Result<void>{};
}

Task<void> Service::start_keys() {
  std::set<uid_t> trusted{0, ::geteuid()};
  if (config_.owner_uid) trusted.insert(*config_.owner_uid);
  api_keys_.emplace(catalog_.pool(), *audit_, std::move(trusted),
                    config_.runtime_dir / "session-keys.json");
  HOWDAH_CO_CHECK(co_await api_keys_->load());
  if (config_.preset_key_file.empty()) co_return Result<void>{};
  auto key = os::read_file(config_.preset_key_file, 4_KiB);
  if (!key) {
    // Taken at an earlier start: a restart of howdahd gets the same flags, but the file is gone.
    if (key.error().code == ErrorCode::not_found) co_return Result<void>{};
    co_return std::unexpected(std::move(key).error());
  }
  while (key->ends_with('\n')) key->pop_back();
  HOWDAH_CO_CHECK(co_await api_keys_->preset(std::move(*key)));
  ::unlink(config_.preset_key_file.c_str());
  co_return Result<void>{};
}

Task<void> Service::start_features() {
  platform_.emplace(Platform{executor_, blocking_, config_, node_, catalog_, *vault_, *tls_,
                             *audit_, jobs_, *api_keys_, changes_});
  auto secrets = std::make_unique<SecretsRoutes>(
      *platform_, std::bind_front(&Service::renew_certificate, this));
  secrets_ = secrets.get();
  features_.push_back(std::move(secrets));
  features_.push_back(std::make_unique<KeyRotation>(*platform_));
  features_.push_back(std::make_unique<ApiKeyRoutes>(*platform_));
  features_.push_back(std::make_unique<AuditRoutes>(*platform_));
  features_.push_back(std::make_unique<CatalogUpkeep>(*platform_));
  features_.push_back(std::make_unique<OperationRoutes>(*platform_));
  features_.push_back(std::make_unique<Idempotency>(*platform_));
  features_.push_back(std::make_unique<ContractRoutes>());
  std::ranges::move(make_features(*platform_), std::back_inserter(features_));

  routes_.emplace(router_, std::bind_front(&ApiKeys::authenticate, &*api_keys_));
  routes_->limit_with(limits_);
  routes_->answer_from(answers_);
  for (const auto& feature : features_) feature->add_jobs(jobs_);
  for (const auto& feature : features_) feature->add_routes(*routes_);
  HOWDAH_CO_CHECK(routes_->check_complete());
  for (const auto& feature : features_) {
    ++features_started_;
    HOWDAH_CO_CHECK(co_await feature->start());
  }
  co_return co_await jobs_.start();
}

Result<void> Service::serve() {
  HOWDAH_TRY(https_,
             net::make_tls_server_context(tls_->server_chain_pem(), tls_->server_key_pem()));
  server_.emplace(executor_, router_);
  server_->set_strict_transport(config_.has_real_domain());
  for (std::size_t index = 0; index < tcp_.size(); ++index) {
    const bool loopback = net::is_loopback(config_.listen[index]);
    server_->serve(std::move(tcp_[index]), loopback ? nullptr : https_);
  }
  tcp_.clear();
  server_->serve(std::move(*local_));
  local_.reset();
  return {};
}

// The context is changed in place: connections that are open keep the old certificate.
Result<void> Service::renew_certificate() {
  HOWDAH_TRY(const bool renewed, tls_->renew(config_.certificate_hosts(), now()));
  if (!renewed) return {};
  error_code error;
  https_->use_certificate_chain(asio::buffer(tls_->server_chain_pem()), error);
  if (!error) {
    https_->use_private_key(asio::buffer(tls_->server_key_pem()), asio::ssl::context::pem, error);
  }
  if (error) return net::fail_net("load the renewed certificate", error);
  return {};
}

asio::awaitable<void> Service::stop(milliseconds drain) {
  if (api_keys_) api_keys_->end_streams();
  if (server_) co_await server_->stop(drain);
  co_await jobs_.stop(drain);
  while (features_started_ > 0) co_await features_[--features_started_]->stop();
  catalog_.close();
  error_code ignored;
  for (auto& acceptor : tcp_) acceptor.close(ignored);
  ::unlink((config_.runtime_dir / "control.sock").c_str());
}

}  // namespace howdah::control
