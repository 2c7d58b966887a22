// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client: over a unix socket, how Howdah's processes and the CLI talk to each other; over
// TCP and TLS, how the CLI talks to another machine.
// Used on one thread, that of its executor.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "http/event_stream.h"
#include "http/message.h"
#include "net/tls.h"

namespace howdah::http {

// A server that is reached by TCP.
struct TcpAddress {
  std::string host;
  std::uint16_t port = 0;
  net::TlsContext tls;  // made for that host; nullptr: plain HTTP
};

class Client {
 public:
  // Connections are opened when needed and kept for the next request, at most idle_max of them.
  Client(asio::any_io_executor executor, std::string socket_path, std::size_t idle_max = 4);
  explicit Client(TcpAddress address);
  ~Client();
  Client(Client&&) noexcept;

  // Sent with every request that does not set it itself.
  void set_header(std::string name, std::string value);

  // Sends and reads the whole response (at most 64 MiB). A kept connection that was closed while
  // idle is replaced before it is used; one that breaks before the first byte of the response is
  // replaced once, for methods that may be repeated (not POST and PATCH).
  // Errors: unavailable (nobody listens, or the connection broke), timeout.
  Task<Response> send(Request request, milliseconds deadline);
  // As send(), then the JSON body of a 2xx; another status becomes an Error with the problem's
  // code, message, hint and fields.
  Task<boost::json::value> call(Method method, std::string path, Query query,
                                boost::json::value body, milliseconds deadline);
  // Reads a text/event-stream until it ends or on_event returns false.
  // idle_deadline: longest silence; servers send comments to keep a stream alive.
  using Event = http::Event;
  Task<void> events(Request request, std::function<bool(const Event&)> on_event,
                    milliseconds idle_deadline);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace howdah::http
