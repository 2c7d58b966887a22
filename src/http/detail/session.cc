// SPDX-License-Identifier: Apache-2.0
#include "http/detail/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <random>

#include "base/log.h"

namespace howdah::http::detail {
namespace {

constexpr std::size_t kReadSize = 4096;
constexpr std::size_t kBodyReadSize = 65536;
// A slow reader gets the write timeout for each part of this size, not for the whole body.
constexpr std::size_t kWriteSize = 262144;
// What is read and dropped after an error answer, so that the client sees the answer and no reset.
constexpr std::size_t kLingerSizeMax = 8U << 20;
constexpr milliseconds kLingerTime{2'000};

bool is_event_stream(const Response& response) {
  const auto type = response.headers.find("Content-Type");
  return type != response.headers.end() && type->second.starts_with("text/event-stream");
}

}  // namespace

RequestIds::RequestIds() {
  std::random_device random;
  prefix_ = (static_cast<std::uint64_t>(random()) << 32) | random();
}

std::string RequestIds::next() {
  return fmt::format("{:016x}-{:x}", prefix_, ++count_);
}

bool is_sane_request_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == ':' || c == '-';
  });
}

Session::Session(SessionContext& context, std::unique_ptr<Stream> stream, Peer peer)
    : context_(context),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      parser_({context.limits.header_size_max, context.limits.body_size_max}) {}

void Session::set_phase(Phase phase, milliseconds limit) {
  phase_ = phase;
  deadline_ =
      limit == milliseconds::max() ? SteadyTime::max() : std::chrono::steady_clock::now() + limit;
}

void Session::check_deadline(SteadyTime now) {
  if (now < deadline_) return;
  stream_->close();
  if (gone_ != nullptr) gone_->cancel();
}

void Session::begin_stop() {
  if (phase_ == Phase::waiting) stream_->close();
  if (gone_ != nullptr) gone_->cancel();
}

asio::awaitable<void> Session::run() {
  if (!co_await shake_hands()) co_return;
  while (true) {
    auto parsed = co_await read_request();
    if (!parsed) break;
    set_phase(Phase::handling, milliseconds::max());
    complete(parsed->request);
    const std::string request_id = parsed->request.request_id;
    Response response = co_await context_.router.dispatch(std::move(parsed->request));
    HeadOptions options{.keep_alive = parsed->keep_alive && !context_.stopping,
                        .strict_transport = context_.strict_transport && stream_->is_tls(),
                        .request_id = request_id};
    bool sent = false;
    if (response.stream) {
      options.chunked = parsed->chunked_allowed;
      options.has_length = false;
      options.keep_alive = options.keep_alive && options.chunked;
      sent = co_await stream_body(std::move(response), options);
    } else {
      sent = co_await respond(std::move(response), options);
    }
    if (!sent || !options.keep_alive) break;
  }
  set_phase(Phase::waiting, kLingerTime);
  co_await stream_->shutdown_send();
  stream_->close();
}

// false: the connection is over. Who speaks plain HTTP to a TLS port is told so and gets nothing: a
// redirect would let a program send its key in the clear for ever without anybody noticing.
asio::awaitable<bool> Session::shake_hands() {
  set_phase(Phase::reading, context_.limits.handshake_timeout);
  ++context_.handshakes;
  const error_code error = co_await stream_->handshake();
  --context_.handshakes;
  if (error) co_return false;
  if (!stream_->is_refused_plain()) co_return true;
  co_await refuse({ErrorCode::tls_required,
                   "this port speaks HTTPS, and what came was plain HTTP",
                   "call https://, with the CA's certificate (DIR/tls/ca.crt); if a key was sent, "
                   "replace it: it could be read on the way",
                   {},
                   {},
                   {}});
  stream_->close();
  co_return false;
}

void Session::complete(Request& request) {
  const auto given = request.headers.find("X-Request-Id");
  request.request_id = given != request.headers.end() && is_sane_request_id(given->second)
                           ? given->second
                           : context_.ids.next();
  request.local_peer = peer_.credentials;
  request.remote_address = peer_.address;
}

asio::awaitable<std::optional<RequestParser::Parsed>> Session::read_request() {
  set_phase(input_.empty() ? Phase::waiting : Phase::reading,
            input_.empty() ? context_.limits.idle_timeout : context_.limits.read_timeout);
  if (auto error = co_await read_until_done()) {
    co_await refuse(std::move(*error));
    co_return std::nullopt;
  }
  if (!parser_.done()) co_return std::nullopt;
  auto parsed = parser_.take();
  if (!parsed) {
    co_await refuse(std::move(parsed).error());
    co_return std::nullopt;
  }
  co_return std::move(*parsed);
}

// Ends when a request is complete, wrong (the error) or the connection is over (done() is false).
asio::awaitable<std::optional<Error>> Session::read_until_done() {
  bool continued = false;
  while (true) {
    if (!input_.empty()) {
      const auto consumed = parser_.feed(input_);
      if (!consumed) co_return consumed.error();
      input_.erase(0, *consumed);
      if (parser_.done()) co_return std::nullopt;
      if (parser_.header_done() && !continued && input_.empty() && parser_.expects_continue()) {
        continued = true;
        constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        if (co_await stream_->write({asio::buffer(kContinue)})) co_return std::nullopt;
      }
    }
    if (context_.stopping && phase_ == Phase::waiting) co_return std::nullopt;
    if (!co_await read_more()) co_return std::nullopt;
    if (phase_ == Phase::waiting) set_phase(Phase::reading, context_.limits.read_timeout);
  }
}

asio::awaitable<bool> Session::read_more() {
  const std::size_t before = input_.size();
  input_.resize(before + (parser_.header_done() ? kBodyReadSize : kReadSize));
  const auto [error, size] =
      co_await stream_->read_some(asio::buffer(input_.data() + before, input_.size() - before));
  input_.resize(before + size);
  co_return !error && size > 0;
}

asio::awaitable<bool> Session::respond(Response response, const HeadOptions& options) {
  output_.clear();
  append_response_head(output_, response, options);
  set_phase(Phase::writing, context_.limits.write_timeout);
  const std::string_view body = response.body;
  const std::size_t first = std::min(body.size(), kWriteSize);
  if (co_await stream_->write({asio::buffer(output_), asio::buffer(body.substr(0, first))})) {
    co_return false;
  }
  co_return co_await write_body(body.substr(first));
}

asio::awaitable<bool> Session::write_body(std::string_view body) {
  while (!body.empty()) {
    set_phase(Phase::writing, context_.limits.write_timeout);
    const std::size_t size = std::min(body.size(), kWriteSize);
    if (co_await stream_->write({asio::buffer(body.substr(0, size))})) co_return false;
    body.remove_prefix(size);
  }
  co_return true;
}

// Returns false when the connection cannot go on: an unfinished body must not look finished.
asio::awaitable<bool> Session::stream_body(Response response, HeadOptions options) {
  using namespace asio::experimental::awaitable_operators;
  const bool may_be_cut = is_event_stream(response);
  if (may_be_cut && context_.stopping) co_return false;
  chunked_ = options.chunked;
  const auto stream = std::exchange(response.stream, nullptr);
  if (!co_await respond(std::move(response), options)) co_return false;
  set_phase(Phase::streaming, milliseconds::max());
  const BodyWriter writer = std::bind_front(&Session::write_part, this);
  Result<void> result;
  if (may_be_cut) {
    auto outcome = co_await (stream(writer) || watch_peer());
    if (outcome.index() == 1) co_return false;
    result = std::get<0>(std::move(outcome));
  } else {
    result = co_await stream(writer);
  }
  if (!result) {
    const ErrorCode code = result.error().code;
    if (code != ErrorCode::cancelled && code != ErrorCode::io_error) {
      log::warn("http", "a streamed response broke off: {}", result.error().to_log());
    }
    co_return false;
  }
  if (!chunked_) co_return false;
  constexpr std::string_view kLastChunk = "0\r\n\r\n";
  set_phase(Phase::writing, context_.limits.write_timeout);
  co_return !co_await stream_->write({asio::buffer(kLastChunk)});
}

Task<void> Session::write_part(std::string part) {
  if (part.empty()) co_return Result<void>{};
  const std::string size = chunked_ ? fmt::format("{:x}\r\n", part.size()) : std::string();
  const std::string_view end = chunked_ ? "\r\n" : "";
  set_phase(Phase::streaming, context_.limits.write_timeout);
  const error_code error =
      co_await stream_->write({asio::buffer(size), asio::buffer(part), asio::buffer(end)});
  set_phase(Phase::streaming, milliseconds::max());
  if (error) co_return net::fail_net("send a part of the response", error);
  co_return Result<void>{};
}

// Ends when the client of an event stream is gone or the server stops: the handler may be waiting
// for an event that comes in an hour.
asio::awaitable<void> Session::watch_peer() {
  asio::steady_timer gone(co_await asio::this_coro::executor, SteadyTime::max());
  gone_ = &gone;
  struct Forget {
    Session& session;
    ~Forget() { session.gone_ = nullptr; }
  } forget{*this};
  using namespace asio::experimental::awaitable_operators;
  while (input_.size() < context_.limits.header_size_max) {
    const auto outcome = co_await (read_more() || gone.async_wait(net::kToken));
    if (outcome.index() == 1 || !std::get<0>(outcome)) co_return;
  }
  co_await gone.async_wait(net::kToken);
}

// Answers a request that could not be read, as a problem, and ends the connection.
asio::awaitable<void> Session::refuse(Error error) {
  const std::string request_id = context_.ids.next();
  log::debug("http", "refused from {}: {} [{}]", peer_.address, error.to_log(), request_id);
  Response response = problem_response(error, parser_.path_so_far(), request_id);
  if (co_await respond(std::move(response), {.keep_alive = false, .request_id = request_id})) {
    co_await linger();
  }
}

asio::awaitable<void> Session::linger() {
  set_phase(Phase::writing, kLingerTime);
  co_await stream_->shutdown_send();
  std::size_t dropped = 0;
  std::array<char, kReadSize> waste;
  while (dropped < kLingerSizeMax) {
    const auto [error, size] = co_await stream_->read_some(asio::buffer(waste));
    if (error || size == 0) co_return;
    dropped += size;
  }
}

}  // namespace howdah::http::detail
