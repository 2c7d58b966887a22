// SPDX-License-Identifier: Apache-2.0
// A SocketIo that coroutines can wait on: for the part of a connection's life before bytes are
// relayed (TLS handshake, start-up, login). One reader and one writer, not at the same time.
#pragma once
#include <boost/asio/posix/stream_descriptor.hpp>
#include <span>
#include <string>

#include "net/socket_io.h"
#include "net/task.h"

namespace howdah::net {

class Connection {
 public:
  Connection(asio::any_io_executor executor, SocketIo io);
  Connection(Connection&&) = default;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  SocketIo& io() { return io_; }

  // Errors: io_error; unavailable when the client closed instead.
  Task<void> accept_tls(TlsContext context);
  // At least one byte. Errors: unavailable at the end of the stream, io_error.
  Task<std::size_t> read_some(std::span<char> buffer);
  // All of it. Errors: io_error.
  Task<void> write(std::string bytes);

  // Gives the socket away; nothing may be waiting.
  SocketIo release() &&;

 private:
  Task<void> wait_for(IoState state);

  SocketIo io_;
  asio::posix::stream_descriptor waiter_;  // does not own the descriptor, io_ does
};

}  // namespace howdah::net
