// SPDX-License-Identifier: Apache-2.0
// One accepted connection of a server: requests one after the other until it closes.
// Owned by its own coroutine; the server knows it by pointer while it lives. One thread.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http/detail/codec.h"
#include "http/detail/stream.h"
#include "http/server.h"

namespace howdah::http::detail {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Peer {
  std::optional<net::PeerCredentials> credentials;
  std::string address;
};

// Makes ids for requests whose client sent none: unique over restarts, cheap.
class RequestIds {
 public:
  RequestIds();
  std::string next();

 private:
  std::uint64_t prefix_;
  std::uint64_t count_ = 0;
};
// [A-Za-z0-9._:-]{1,64}: safe in a log line and in a header.
bool is_sane_request_id(std::string_view text);

struct SessionContext {
  const Router& router;
  ServerLimits limits;
  RequestIds ids;
  bool stopping = false;
  bool strict_transport = false;
  std::size_t handshakes = 0;  // connections that are in their TLS handshake
};

class Session {
 public:
  Session(SessionContext& context, std::unique_ptr<Stream> stream, Peer peer);

  // Serves until the connection ends. Cancelling it cuts the connection.
  asio::awaitable<void> run();

  // Called by the server's one timer: cuts the connection when its present wait took too long.
  void check_deadline(SteadyTime now);
  // The server stops: an idle connection closes now, an event stream ends, a request is finished.
  void begin_stop();

 private:
  enum class Phase { waiting, reading, handling, writing, streaming };

  // Empty: the connection is over (closed, or answered with an error already).
  asio::awaitable<std::optional<RequestParser::Parsed>> read_request();
  asio::awaitable<std::optional<Error>> read_until_done();
  asio::awaitable<bool> read_more();
  asio::awaitable<bool> shake_hands();
  asio::awaitable<bool> respond(Response response, const HeadOptions& options);
  asio::awaitable<bool> write_body(std::string_view body);
  asio::awaitable<bool> stream_body(Response response, HeadOptions options);
  asio::awaitable<void> refuse(Error error);
  asio::awaitable<void> linger();
  Task<void> write_part(std::string part);
  asio::awaitable<void> watch_peer();
  void complete(Request& request);
  void set_phase(Phase phase, milliseconds limit);

  SessionContext& context_;
  std::unique_ptr<Stream> stream_;
  Peer peer_;
  RequestParser parser_;
  std::string input_;   // read, not yet consumed by the parser
  std::string output_;  // the head being written
  Phase phase_ = Phase::waiting;
  SteadyTime deadline_ = SteadyTime::max();
  bool chunked_ = true;                 // of the response being streamed
  asio::steady_timer* gone_ = nullptr;  // fires when a streamed response has nobody to go to
};

}  // namespace howdah::http::detail
