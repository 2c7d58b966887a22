// SPDX-License-Identifier: Apache-2.0
// One connected socket, plain or TLS, TCP or unix, behind one interface: sessions are compiled
// once. One read and one write may be in progress at the same time.
#pragma once
#include <array>
#include <boost/asio/buffer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/listener.h"
#include "net/task.h"
#include "net/tls.h"

namespace howdah::http::detail {

class Stream {
 public:
  virtual ~Stream() = default;
  // Ends well also where a client speaks plain HTTP to TLS: is_refused_plain() is true then, and
  // everything else goes in plain text, so that the client can be told.
  virtual asio::awaitable<error_code> handshake() = 0;
  virtual bool is_tls() const { return false; }
  virtual bool is_refused_plain() const { return false; }
  virtual asio::awaitable<std::pair<error_code, std::size_t>> read_some(
      asio::mutable_buffer buffer) = 0;
  // All of it. Empty buffers are fine.
  virtual asio::awaitable<error_code> write(std::array<asio::const_buffer, 3> buffers) = 0;
  // Tells the other side that nothing more comes; bytes on the way still arrive there.
  virtual asio::awaitable<void> shutdown_send() = 0;
  // Ends pending reads and writes with an error. Never throws.
  virtual void close() = 0;
};

std::unique_ptr<Stream> make_stream(net::Tcp::socket socket, net::TlsContext tls);
std::unique_ptr<Stream> make_stream(net::Local::socket socket);
// The client's side. host: whom the context trusts to be there.
std::unique_ptr<Stream> make_client_stream(net::Tcp::socket socket, net::TlsContext tls,
                                           const std::string& host);

}  // namespace howdah::http::detail
