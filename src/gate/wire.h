// SPDX-License-Identifier: Apache-2.0
// Reads and writes whole protocol messages on one connection, before the relay takes over. What was
// received beyond a message stays in the buffer and is never lost or interpreted early.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include "net/connection.h"
#include "pgwire/message.h"
#include "pgwire/startup.h"

namespace howdah::gate {

struct Message {
  char type = 0;
  std::string body;
};

class Wire {
 public:
  explicit Wire(net::Connection connection) : connection_(std::move(connection)) {}

  // Errors of all reads: unavailable when the other side closed, protocol_violation.
  Task<pgwire::FirstPacket> read_first_packet();
  Task<Message> read_message(std::size_t body_bytes_max);
  Task<void> write(std::string bytes);

  // Returns only with the error that ends the connection. What arrives meanwhile is kept, up to a
  // limit after which nothing more is noticed. May be cancelled without losing a byte.
  Task<void> until_closed();

  net::Connection& connection() { return connection_; }
  // Received and not yet consumed.
  std::string_view buffered() const { return buffer_; }

  struct Parts {
    net::SocketIo io;
    std::string buffered;
  };
  Parts release() &&;

 private:
  Task<void> receive(std::size_t at_least);

  net::Connection connection_;
  std::string buffer_;
};

}  // namespace howdah::gate
