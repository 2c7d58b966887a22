// SPDX-License-Identifier: Apache-2.0
// howdahd as one object: what starts in which order, and stops in the reverse of it.
// Owner: main; on the loop's thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "control/platform.h"
#include "http/server.h"

namespace howdah::control {

class SecretsRoutes;

class Service {
 public:
  Service(asio::io_context& io, Config config);
  ~Service();

  // Binds, waits for node and catalog, migrates, starts every feature, then serves. Errors: what
  // went wrong, ready for a person; stop() must be awaited all the same.
  Task<void> start();
  // No new request; those in flight, jobs and loops get `drain` each to end by themselves.
  asio::awaitable<void> stop(milliseconds drain);

  // For the READY line: {"http_port", "first_start", "recovery_key"?}.
  const boost::json::object& ready() const { return ready_; }
  // Every route with its access, once started.
  std::vector<Routes::Declared> routes() const { return routes_->declared(); }

 private:
  // Grows with every change that an answer may depend on.
  std::uint64_t version() const;
  Result<void> bind();
  Task<void> open_catalog();
  Task<void> start_keys();
  Task<void> start_features();
  Result<void> serve();
  Result<void> renew_certificate();

  asio::any_io_executor executor_;
  Config config_;
  asio::thread_pool blocking_;
  nodeapi::Client node_;
  Catalog catalog_;
  JobEngine jobs_;
  std::optional<Vault> vault_;
  std::optional<TlsFiles> tls_;
  std::optional<AuditLog> audit_;
  std::optional<ApiKeys> api_keys_;
  Changes changes_;
  std::optional<Platform> platform_;
  std::vector<std::unique_ptr<Feature>> features_;
  SecretsRoutes* secrets_ = nullptr;  // one of features_
  std::size_t features_started_ = 0;

  http::Router router_;
  RateLimits limits_;
  AnswerCache answers_;
  std::optional<Routes> routes_;
  std::optional<http::Server> server_;
  net::TlsContext https_;
  std::vector<net::Tcp::acceptor> tcp_;
  std::optional<net::Local::acceptor> local_;
  boost::json::object ready_;
};

}  // namespace howdah::control
