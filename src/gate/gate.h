// SPDX-License-Identifier: Apache-2.0
// A whole gate: all its parts, wired, started and stopped in order. One io_context, one thread, and
// a small pool for disk writes.
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>

#include "gate/acceptor.h"
#include "gate/config.h"
#include "gate/route_stream.h"
#include "gate/status_server.h"

namespace howdah::gate {

class Gate {
 public:
  Gate(asio::any_io_executor executor, GateConfig config);
  ~Gate();

  // Loads certificate and routes and listens. Blocks. Errors say what to do: port_in_use,
  // data_folder_unusable, config_invalid, not_found.
  Result<void> open();
  std::uint16_t direct_port() const { return direct_port_; }
  std::optional<std::uint16_t> pooled_port() const { return pooled_port_; }  // empty: switched off
  std::uint64_t route_version() const { return routes_.version(); }
  std::size_t handshakes() const { return clients_.size(); }

  // Serves from now on; stop() must be awaited before the end.
  void start();
  // No new clients; sessions end as soon as they are between transactions, within `drain`.
  asio::awaitable<void> stop(milliseconds drain);
  // Reads the certificate again; on a failure the old one stays and a warning is logged. It also
  // happens by itself within a minute of a change of the file.
  void reload();

 private:
  Result<void> load_mock_secret();
  Result<std::uint16_t> listen(std::uint16_t port, PoolMode mode, std::string_view option);
  void judge(const std::vector<BranchId>& branches);
  Task<void> expire_rules();
  Task<void> watch_certificate();
  Result<void> load_identity();
  os::Path certificate_file() const { return config_.tls_directory() / "server.crt"; }
  boost::json::object status() const;
  std::string metrics_text() const;
  boost::json::object clients(const ClientQuery& query) const;
  boost::json::object pools(const BranchId& branch) const;
  Result<void> cut_client(const BranchId& branch, std::uint64_t number);

  asio::any_io_executor executor_;
  GateConfig config_;
  GateId id_;
  asio::thread_pool pool_{1};

  // Later parts refer to earlier ones.
  Metrics metrics_;
  ServerIdentityRef identity_;
  std::filesystem::file_time_type certificate_time_;  // of the file that identity_ came from
  SessionSettings settings_;
  RouteTable routes_;
  RouteSaver saver_;
  LiveSessions sessions_;
  DeniedAttempts denied_;
  FailedAttempts failures_;
  std::optional<net::FairPlaces> newcomer_places_;  // from open() on
  LoginLog logins_;
  nodeapi::Client node_;
  PasswordWatch passwords_;
  Waker waker_;
  CancelRegistry cancel_keys_;
  Canceller canceller_;
  Relay relay_;
  SessionParts parts_;
  RouteStream stream_;
  StatusServer status_server_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::uint16_t direct_port_ = 0;
  std::optional<std::uint16_t> pooled_port_;

  net::TaskGroup clients_;   // connections before their relay
  net::TaskGroup services_;  // what runs as long as the gate
  net::TaskGroup savers_;    // ends after the services, when everything is on disk
};

}  // namespace howdah::gate
