// SPDX-License-Identifier: Apache-2.0
#include "gate/gate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "crypto/encode.h"
#include "crypto/random.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kMockSecretBytes = 32;
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kDeniedAddressesMax = 4'096;
constexpr std::size_t kDescriptorsReserved = 256;
constexpr milliseconds kRuleInterval{250};
constexpr milliseconds kStopStep{2'000};

// Sessions have two descriptors each, and so may clients in handshake.
void fit_to_descriptor_limit(SessionSettings& settings) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto all = static_cast<std::size_t>(limit.rlim_cur);
  const std::size_t pairs = all > kDescriptorsReserved ? (all - kDescriptorsReserved) / 2 : 1;
  settings.handshakes_max = std::min(settings.handshakes_max, std::max<std::size_t>(pairs / 4, 1));
  settings.sessions_max = std::min(settings.sessions_max, pairs - settings.handshakes_max);
}

WakerSettings make_waker_settings(const GateConfig& config, const GateId& id) {
  WakerSettings settings;
  settings.holder = "gate:" + id.str();
  settings.instances_directory = (config.runtime_dir / "i").string();
  settings.wake_max = config.login_max;
  return settings;
}

RouteStreamSettings make_stream_settings(const GateConfig& config, const GateId& id) {
  RouteStreamSettings settings;
  settings.gate_id = id;
  settings.socket_path = (config.runtime_dir / "routes.sock").string();
  return settings;
}

}  // namespace

Gate::Gate(asio::any_io_executor executor, GateConfig config)
    : executor_(executor),
      config_(std::move(config)),
      id_(crypto::to_hex(crypto::random_bytes(kIdBytes))),
      saver_(executor, pool_, config_.own_directory() / "routes.jsonl"),
      denied_(kDeniedAddressesMax),
      failures_(config_.failures),
      node_(executor, (config_.runtime_dir / "node.sock").string()),
      passwords_(executor, {node_, routes_, saver_, sessions_, std::bind_front(&Gate::judge, this)},
                 {.interval = config_.password_look_interval}),
      waker_(executor, node_, make_waker_settings(config_, id_), metrics_),
      canceller_(executor, cancel_keys_, metrics_),
      relay_(executor, metrics_),
      parts_{executor, settings_,  identity_, routes_,      sessions_,  denied_, failures_,
             logins_,  passwords_, waker_,    cancel_keys_, canceller_, relay_,  metrics_},
      stream_(executor, make_stream_settings(config_, id_),
              {routes_, saver_, sessions_, denied_, logins_, std::bind_front(&Gate::judge, this)}),
      status_server_(
          executor,
          {std::bind_front(&Gate::status, this), std::bind_front(&Gate::metrics_text, this),
           std::bind_front(&Gate::clients, this), std::bind_front(&Gate::pools, this),
           std::bind_front(&Gate::cut_client, this)}),
      clients_(executor),
      services_(executor),
      savers_(executor) {}

Gate::~Gate() = default;

Result<void> Gate::load_mock_secret() {
  const os::Path path = config_.own_directory() / "mock_secret";
  auto kept = os::read_file(path, kMockSecretBytes);
  if (kept && kept->size() == kMockSecretBytes) {
    settings_.mock_secret = std::move(*kept);
    return {};
  }
  settings_.mock_secret = crypto::random_bytes(kMockSecretBytes);
  return os::write_file_atomic(path, settings_.mock_secret, 0600);
}

// Every address gets the same port, also where the system chose it.
Result<std::uint16_t> Gate::listen(std::uint16_t port, PoolMode mode, std::string_view option) {
  for (const std::string& address : config_.listen_addresses) {
    HOWDAH_TRY(auto listener, net::listen_tcp(executor_, address, port, option));
    acceptors_.push_back(std::make_unique<Acceptor>(std::move(listener), mode, parts_,
                                                    Newcomers{clients_, *newcomer_places_}));
    port = acceptors_.back()->port();
  }
  return port;
}

Result<void> Gate::open() {
  settings_.plaintext_allowed = config_.plaintext_for_measurement;
  settings_.authentication_max = config_.authentication_max;
  settings_.login_max = config_.login_max;
  settings_.handshakes_max = config_.handshakes_max;
  fit_to_descriptor_limit(settings_);
  newcomer_places_.emplace(settings_.handshakes_max);
  if (settings_.plaintext_allowed) {
    log::warn("gate",
              "clients WITHOUT TLS are served (--plaintext-for-measurement): passwords and "
              "data can be read on the way; never use this outside a measurement");
  }
  HOWDAH_CHECK(os::make_directory(config_.own_directory(), 0700));
  HOWDAH_CHECK(load_identity());
  HOWDAH_CHECK(load_mock_secret());
  HOWDAH_CHECK(saver_.load(routes_));
  HOWDAH_TRY(direct_port_, listen(config_.direct_port, PoolMode::session, "--direct-port"));
  if (config_.pooled) {
    HOWDAH_TRY(pooled_port_, listen(config_.pooled_port, PoolMode::transaction, "--pooled-port"));
  }
  HOWDAH_CHECK(status_server_.listen((config_.runtime_dir / "gate.sock").string()));
  log::info("gate", "serving {} branches (version {}) on {} port {}{}", routes_.size(),
            routes_.version(), fmt::join(config_.listen_addresses, ", "), direct_port_,
            pooled_port_ ? fmt::format(", pooled {}", *pooled_port_) : "");
  return {};
}

void Gate::judge(const std::vector<BranchId>& branches) {
  const std::size_t cut = sessions_.judge(branches, routes_, now());
  if (cut > 0) log::info("gate", "a change of routes ended {} sessions", cut);
}

Task<void> Gate::expire_rules() {
  Timestamp judged = now();
  for (;;) {
    co_await net::sleep_for(kRuleInterval);
    const Timestamp at = now();
    // A clock that jumps back must not let rules be judged never again.
    const auto expired = sessions_.with_expired_rules(routes_, std::min(judged, at), at);
    if (!expired.empty()) judge(expired);
    judged = at;
  }
}

void Gate::start() {
  savers_.spawn("routes", saver_.run(routes_));
  services_.spawn("relay", relay_.run());
  services_.spawn("wake", waker_.run());
  services_.spawn("passwords", passwords_.run());
  services_.spawn("routes", stream_.run());
  services_.spawn("firewall", expire_rules());
  services_.spawn("tls", watch_certificate());
  for (const auto& acceptor : acceptors_) services_.spawn("accept", acceptor->run());
}

asio::awaitable<void> Gate::stop(milliseconds drain) {
  for (const auto& acceptor : acceptors_) acceptor->stop();
  co_await clients_.stop();
  co_await relay_.drain(
      pgwire::build_error_response(pgwire::ErrorFields{
          "FATAL", "57P01", "terminating connection: the gate is shutting down", {}, {}}),
      drain);
  co_await canceller_.stop(kStopStep);
  co_await passwords_.stop();
  co_await waker_.stop(kStopStep);
  relay_.stop();
  co_await services_.stop();
  saver_.stop();
  co_await savers_.stop(kStopStep);
  co_await status_server_.stop(milliseconds{0});
  pool_.join();
}

// The time is read first: a certificate that changes meanwhile is then seen once more.
Result<void> Gate::load_identity() {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(certificate_file(), error);
  HOWDAH_TRY(identity_, load_server_identity(config_.tls_directory()));
  certificate_time_ = time;
  return {};
}

void Gate::reload() {
  if (const auto loaded = load_identity(); !loaded) {
    log::warn("gate", "the certificate was not reloaded, the old one stays: {}",
              loaded.error().to_log());
    return;
  }
  log::info("gate", "certificate reloaded");
}

// howdahd renews the certificate weeks before its end and signals nobody: it may be another user,
// on another machine. Key and certificate are two files, so a look can come in between; the next
// one finds both.
Task<void> Gate::watch_certificate() {
  for (;;) {
    co_await net::sleep_for(config_.certificate_look_interval);
    std::error_code error;
    const auto time = std::filesystem::last_write_time(certificate_file(), error);
    if (!error && time != certificate_time_) reload();
  }
}

boost::json::object Gate::status() const {
  return {{"version", HOWDAH_VERSION},
          {"gate_id", id_.str()},
          {"pid", ::getpid()},
          {"routes", routes_.size()},
          {"route_version", routes_.version()},
          {"route_version_saved", saver_.saved_version()},
          {"route_stream_connected", stream_.connected()},
          {"sessions", sessions_.size()},
          {"handshakes", clients_.size()},
          {"direct_port", direct_port_},
          {"pooled_port",
           pooled_port_ ? boost::json::value(*pooled_port_) : boost::json::value(nullptr)}};
}

boost::json::object Gate::clients(const ClientQuery& query) const {
  boost::json::object shown = clients_json(sessions_, query);
  shown["gate_id"] = id_.str();
  return shown;
}

boost::json::object Gate::pools(const BranchId& branch) const {
  const RouteRef served = routes_.find(branch);
  boost::json::object shown =
      pools_json(sessions_, branch, served ? served->route.max_connections : 0, now());
  shown["gate_id"] = id_.str();
  return shown;
}

Result<void> Gate::cut_client(const BranchId& branch, std::uint64_t number) {
  HOWDAH_CHECK(sessions_.cut(
      branch, number,
      pgwire::ErrorFields{
          "FATAL", "57P01", "terminating connection: it was ended by an administrator", {}, {}}));
  log::info("gate", "client {} of branch {} was cut", number, branch.str());
  return {};
}

std::string Gate::metrics_text() const {
  Metrics shown = metrics_;
  shown.handshakes_open = clients_.size();
  return render(shown, {sessions_.size(), routes_.size(), routes_.version(), stream_.connected()});
}

}  // namespace howdah::gate
