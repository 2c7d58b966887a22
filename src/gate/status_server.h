// SPDX-License-Identifier: Apache-2.0
// The gate's own small API on RUN/gate.sock, for howdahd, `howdah status` and `howdah doctor`:
//   GET /v1/status  -> {"version","gate_id","pid","routes","route_version",
//                       "route_version_saved","route_stream_connected","sessions","handshakes",
//                       "direct_port","pooled_port"}   (pooled_port null: switched off)
//   GET /metrics    -> Prometheus text
//   GET /v1/clients?branch=ID&after=N&limit=M, GET /v1/pools?branch=ID  (gate/client_view.h)
//   DELETE /v1/clients/{number}?branch=ID  -> {}   cuts one session
// Only root, the user `howdah` and the gate's own user are answered.
#pragma once
#include <boost/json.hpp>
#include <functional>
#include <string>

#include "gate/client_view.h"
#include "http/router.h"
#include "http/server.h"

namespace howdah::gate {

class StatusServer {
 public:
  struct Sources {
    std::function<boost::json::object()> status;
    std::function<std::string()> metrics;
    std::function<boost::json::object(const ClientQuery&)> clients;
    std::function<boost::json::object(const BranchId&)> pools;
    std::function<Result<void>(const BranchId&, std::uint64_t number)> cut;
  };

  StatusServer(asio::any_io_executor executor, Sources sources);

  // Errors: data_folder_unusable, io_error.
  Result<void> listen(const std::string& socket_path);
  asio::awaitable<void> stop(milliseconds drain) { return server_.stop(drain); }

 private:
  Task<void> check_peer(http::Request& request);
  Task<http::Response> show_status(http::Request request);
  Task<http::Response> show_metrics(http::Request request);
  Task<http::Response> list_clients(http::Request request);
  Task<http::Response> list_pools(http::Request request);
  Task<http::Response> cut_client(http::Request request);

  asio::any_io_executor executor_;
  Sources sources_;
  http::Router router_;
  http::Server server_;
};

}  // namespace howdah::gate
