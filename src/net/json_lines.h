// SPDX-License-Identifier: Apache-2.0
// Messages between Howdah's own processes: one JSON object a line over a unix socket.
// Used by the route stream (docs/formats/route-stream.md).
#pragma once
#include <boost/json.hpp>
#include <string>

#include "base/units.h"
#include "net/listener.h"
#include "net/task.h"

namespace howdah::net {

class JsonLines {
 public:
  // Longer messages end the channel: the other side is broken or hostile.
  static constexpr ByteCount kMessageSizeMax = 256_MiB;

  explicit JsonLines(Local::socket socket) : socket_(std::move(socket)) {}

  // Errors: unavailable at the end of the stream, protocol_violation for a line that is no JSON.
  Task<boost::json::value> read();
  // One writer at a time.
  Task<void> write(boost::json::value message);
  void close();
  Local::socket& socket() { return socket_; }

 private:
  Local::socket socket_;
  std::string buffer_;
};

}  // namespace howdah::net
