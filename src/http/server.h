// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 server on TCP, TLS and unix sockets. One thread: that of its executor.
#pragma once
#include <memory>

#include "base/units.h"
#include "http/router.h"
#include "net/listener.h"
#include "net/tls.h"

namespace howdah::http {

struct ServerLimits {
  ByteCount body_size_max = 1_MiB;     // over it: 413
  ByteCount header_size_max = 64_KiB;  // over it: 431
  // Of each kind, TCP and unix; over it: closed at once. Over TCP no address may have more of them
  // than are left.
  std::size_t connections_max = 1024;
  std::size_t handshakes_max = 256;  // TLS; over it: closed at once
  milliseconds handshake_timeout{10'000};
  milliseconds read_timeout{30'000};   // of one request, from its first byte
  milliseconds idle_timeout{75'000};   // keep-alive without a request
  milliseconds write_timeout{30'000};  // of one response part
};

class Server {
 public:
  // router: must outlive the server.
  Server(asio::any_io_executor executor, const Router& router, ServerLimits limits = {});
  ~Server();

  void serve(net::Tcp::acceptor acceptor, net::TlsContext tls = nullptr);  // nullptr: plain HTTP
  void serve(net::Local::acceptor acceptor);
  // Answers over TLS tell browsers to use nothing else for this name (HSTS). Only for a name that
  // is really this machine's: every port of it is meant.
  void set_strict_transport(bool strict);

  // No new connections; waits for requests in flight, at most drain, then cuts.
  asio::awaitable<void> stop(milliseconds drain);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace howdah::http
