// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <deque>

#include "base/json.h"
#include "http/detail/codec.h"
#include "http/detail/stream.h"
#include "net/listener.h"

namespace howdah::http {
namespace {

constexpr detail::ParserLimits kLimits{64_KiB, 64_MiB};
constexpr std::size_t kReadSize = 16384;
// Well under a server's own idle timeout, so that a request never races with its closing.
constexpr std::chrono::seconds kIdleMax{30};

struct Connection {
  std::unique_ptr<detail::Stream> stream;
  int fd = -1;  // of the stream, to look at
  std::chrono::steady_clock::time_point idle_since;
};
using ConnectionPtr = std::unique_ptr<Connection>;

// Nothing may be readable on an idle connection: bytes are a fault, the end is the end.
bool still_open(Connection& connection) {
  if (std::chrono::steady_clock::now() - connection.idle_since > kIdleMax) return false;
  char byte = 0;
  const auto got = ::recv(connection.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool may_repeat(Method method) {
  return method != Method::post && method != Method::patch;
}

struct Exchange {
  Result<Response> response;
  bool answered = false;    // at least one byte came back
  bool keep_alive = false;  // the connection can be used again
};

Task<void> write_all(Connection& connection, const std::string& text) {
  const error_code error = co_await connection.stream->write({asio::buffer(text)});
  if (error == asio::error::operation_aborted) co_return net::fail_net("send a request", error);
  if (error) co_return fail(ErrorCode::unavailable, "send a request: " + error.message());
  co_return Result<void>{};
}

// Appends what comes next to input; false at the end of the stream.
Task<bool> read_some(Connection& connection, std::string& input) {
  const std::size_t before = input.size();
  input.resize(before + kReadSize);
  const auto [error, size] =
      co_await connection.stream->read_some(asio::buffer(input.data() + before, kReadSize));
  input.resize(before + size);
  if (error == asio::error::eof) co_return false;
  if (error == asio::error::operation_aborted) co_return net::fail_net("read a response", error);
  if (error) co_return fail(ErrorCode::unavailable, "read a response: " + error.message());
  co_return true;
}

// Reads until wanted(parser), feeding what comes; at the end of the stream the parser decides.
Task<void> read_response(Connection& connection, detail::ResponseParser& parser, std::string& input,
                         bool header_only) {
  while (!(header_only ? parser.header_done() : parser.done())) {
    HOWDAH_CO_TRY(const bool more, co_await read_some(connection, input));
    if (!more) {
      HOWDAH_CO_CHECK(parser.feed_end());
      break;
    }
    HOWDAH_CO_TRY(const std::size_t consumed, parser.feed(input));
    input.erase(0, consumed);
  }
  co_return Result<void>{};
}

asio::awaitable<Exchange> exchange(Connection& connection, std::string text, Method method) {
  Exchange result{fail(ErrorCode::unavailable, "no response"), false, false};
  if (auto written = co_await write_all(connection, text); !written) {
    result.response = std::unexpected(std::move(written).error());
    co_return result;
  }
  detail::ResponseParser parser(kLimits, method == Method::head);
  std::string input;
  const auto first = co_await read_some(connection, input);
  result.answered = !input.empty();
  if (!first || !*first) {
    result.response =
        first ? Result<Response>(fail(ErrorCode::unavailable, "the server closed the connection"))
              : Result<Response>(std::unexpected(first.error()));
    co_return result;
  }
  if (const auto consumed = parser.feed(input)) {
    input.erase(0, *consumed);
  } else {
    result.response = std::unexpected(consumed.error());
    co_return result;
  }
  if (auto read = co_await read_response(connection, parser, input, false); !read) {
    result.response = std::unexpected(std::move(read).error());
    co_return result;
  }
  result.keep_alive = parser.keep_alive() && input.empty();
  result.response = parser.take();
  co_return result;
}

}  // namespace

struct Client::Impl {
  std::string socket_path;  // empty: by address
  std::size_t idle_max = 4;
  TcpAddress address;
  Headers default_headers;
  std::deque<ConnectionPtr> idle;  // the newest at the back

  Task<ConnectionPtr> connect() {
    auto connection = std::make_unique<Connection>();
    if (address.host.empty()) {
      HOWDAH_CO_TRY(net::Local::socket socket, co_await net::connect_unix(socket_path));
      connection->fd = socket.native_handle();
      connection->stream = detail::make_stream(std::move(socket));
      co_return connection;
    }
    HOWDAH_CO_TRY(net::Tcp::socket socket, co_await net::connect_tcp(address.host, address.port));
    connection->fd = socket.native_handle();
    connection->stream = detail::make_client_stream(std::move(socket), address.tls, address.host);
    if (!address.tls) co_return connection;
    const error_code error = co_await connection->stream->handshake();
    if (error == asio::error::operation_aborted) co_return net::fail_net("talk TLS", error);
    if (error) {
      co_return fail(ErrorCode::unavailable,
                     "no TLS connection to " + address.host + ": " + error.message(),
                     "is --ca-file its CA, and the name one of its certificate? Howdah's own CA is "
                     "tls/ca.crt in its data folder; its names are localhost, --listen, --domain "
                     "and --public-host");
    }
    co_return connection;
  }

  void add_headers(Headers& to) const {
    for (const auto& [name, value] : default_headers) to.emplace(name, value);
    if (address.host.empty()) return;
    const bool ipv6 = address.host.find(':') != std::string::npos;
    to.emplace("Host", (ipv6 ? "[" + address.host + "]" : address.host) + ":" +
                           std::to_string(address.port));
  }

  ConnectionPtr take_idle() {
    while (!idle.empty()) {
      ConnectionPtr connection = std::move(idle.back());
      idle.pop_back();
      if (still_open(*connection)) return connection;
    }
    return nullptr;
  }

  void keep(ConnectionPtr connection) {
    connection->idle_since = std::chrono::steady_clock::now();
    idle.push_back(std::move(connection));
    if (idle.size() > idle_max) idle.pop_front();
  }

  Task<Response> send(Request request) {
    std::string text;
    add_headers(request.headers);
    detail::append_request(text, request);
    ConnectionPtr connection = take_idle();
    const bool kept = connection != nullptr;
    if (!kept) {
      HOWDAH_CO_TRY(connection, co_await connect());
    }
    Exchange result = co_await exchange(*connection, text, request.method);
    const bool broke_unheard = !result.response && !result.answered &&
                               result.response.error().code == ErrorCode::unavailable;
    if (kept && broke_unheard && may_repeat(request.method)) {
      HOWDAH_CO_TRY(connection, co_await connect());
      result = co_await exchange(*connection, std::move(text), request.method);
    }
    if (result.response && result.keep_alive) keep(std::move(connection));
    co_return std::move(result.response);
  }

  Task<ConnectionPtr> open_events(Request request) {
    HOWDAH_CO_TRY(ConnectionPtr connection, co_await connect());
    request.headers.insert_or_assign("Accept", "text/event-stream");
    add_headers(request.headers);
    std::string text;
    detail::append_request(text, request);
    HOWDAH_CO_CHECK(co_await write_all(*connection, text));
    co_return connection;
  }
};

Client::Client(asio::any_io_executor, std::string socket_path, std::size_t idle_max)
    : impl_(std::make_unique<Impl>()) {
  impl_->socket_path = std::move(socket_path);
  impl_->idle_max = idle_max;
}
Client::Client(TcpAddress address) : impl_(std::make_unique<Impl>()) {
  impl_->address = std::move(address);
}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

void Client::set_header(std::string name, std::string value) {
  impl_->default_headers.insert_or_assign(std::move(name), std::move(value));
}

Task<Response> Client::send(Request request, milliseconds deadline) {
  std::string what = std::string(to_string(request.method)) + " " + request.path;
  co_return co_await net::with_deadline(impl_->send(std::move(request)), deadline, std::move(what));
}

Task<json::value> Client::call(Method method, std::string path, Query query, json::value body,
                               milliseconds deadline) {
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.query = std::move(query);
  if (!body.is_null()) {
    request.headers.emplace("Content-Type", "application/json");
    request.body = json::serialize(body);
  }
  HOWDAH_CO_TRY(const Response response, co_await send(std::move(request), deadline));
  if (response.status >= 300) co_return std::unexpected(error_of_response(response));
  if (response.body.empty()) co_return json::value();
  co_return parse_json(response.body);
}

Task<void> Client::events(Request request, std::function<bool(const Event&)> on_event,
                          milliseconds idle_deadline) {
  const std::string path = request.path;
  HOWDAH_CO_TRY(const ConnectionPtr connection,
                co_await net::with_deadline(impl_->open_events(std::move(request)), idle_deadline,
                                            "open " + path));
  detail::ResponseParser parser({kLimits.header_size_max, ByteCount(-1)}, false);
  std::string input;
  EventParser events;
  HOWDAH_CO_CHECK(co_await net::with_deadline(read_response(*connection, parser, input, true),
                                              idle_deadline, "read " + path));
  if (parser.status() >= 300) {
    HOWDAH_CO_CHECK(co_await net::with_deadline(read_response(*connection, parser, input, false),
                                                idle_deadline, "read " + path));
    co_return std::unexpected(error_of_response(parser.take()));
  }
  while (true) {
    HOWDAH_CO_TRY(const bool wanted, events.feed(parser.take_body_part(), on_event));
    if (!wanted || parser.done()) co_return Result<void>{};
    HOWDAH_CO_TRY(const bool more, co_await net::with_deadline(read_some(*connection, input),
                                                               idle_deadline, "read " + path));
    if (!more) co_return parser.feed_end();
    HOWDAH_CO_TRY(const std::size_t consumed, parser.feed(input));
    input.erase(0, consumed);
  }
}

}  // namespace howdah::http
