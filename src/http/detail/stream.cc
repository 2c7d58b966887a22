// SPDX-License-Identifier: Apache-2.0
#include "http/detail/stream.h"

#include <sys/socket.h>

#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace howdah::http::detail {
namespace {

template <typename Socket>
class PlainStream final : public Stream {
 public:
  explicit PlainStream(Socket socket) : socket_(std::move(socket)) {}

  asio::awaitable<error_code> handshake() override { co_return error_code(); }

  asio::awaitable<std::pair<error_code, std::size_t>> read_some(
      asio::mutable_buffer buffer) override {
    auto [error, size] = co_await socket_.async_read_some(buffer, net::kToken);
    co_return std::pair(error, size);
  }

  asio::awaitable<error_code> write(std::array<asio::const_buffer, 3> buffers) override {
    auto [error, size] = co_await asio::async_write(socket_, buffers, net::kToken);
    co_return error;
  }

  asio::awaitable<void> shutdown_send() override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    co_return;
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

class TlsStream final : public Stream {
 public:
  using Side = asio::ssl::stream_base::handshake_type;
  TlsStream(net::Tcp::socket socket, net::TlsContext context, Side side)
      : context_(std::move(context)), stream_(std::move(socket), *context_), side_(side) {}

  void ask_for(const std::string& host) { net::set_server_name(stream_.native_handle(), host); }

  asio::awaitable<error_code> handshake() override {
    if (side_ == Side::server) {
      const error_code gone = co_await look_for_plain();
      if (gone || plain_) co_return gone;
    }
    auto [error] = co_await stream_.async_handshake(side_, net::kToken);
    co_return error;
  }

  bool is_tls() const override { return !plain_; }
  bool is_refused_plain() const override { return plain_; }

  asio::awaitable<std::pair<error_code, std::size_t>> read_some(
      asio::mutable_buffer buffer) override {
    auto [error, size] = plain_ ? co_await socket().async_read_some(buffer, net::kToken)
                                : co_await stream_.async_read_some(buffer, net::kToken);
    co_return std::pair(error, size);
  }

  asio::awaitable<error_code> write(std::array<asio::const_buffer, 3> buffers) override {
    auto [error, size] = plain_ ? co_await asio::async_write(socket(), buffers, net::kToken)
                                : co_await asio::async_write(stream_, buffers, net::kToken);
    co_return error;
  }

  // Waits for the other side's goodbye as well; the session's deadline bounds it.
  asio::awaitable<void> shutdown_send() override {
    if (!plain_) (void)co_await stream_.async_shutdown(net::kToken);
    error_code ignored;
    if (plain_) socket().shutdown(net::Tcp::socket::shutdown_send, ignored);
  }

  void close() override {
    error_code ignored;
    (void)socket().close(ignored);
  }

 private:
  // Waits for the first byte and sets plain_ where it is not TLS. Returns an error of the socket.
  asio::awaitable<error_code> look_for_plain() {
    auto [gone] = co_await socket().async_wait(net::Tcp::socket::wait_read, net::kToken);
    if (gone) co_return gone;
    // A handshake begins with the byte 22; a method in plain HTTP with a capital letter.
    char first = 0;
    const auto peeked = ::recv(socket().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
    plain_ = peeked == 1 && first >= 'A' && first <= 'Z';
    co_return error_code();
  }

  net::Tcp::socket& socket() { return stream_.next_layer(); }

  net::TlsContext context_;  // certificates may be replaced while this connection lives
  asio::ssl::stream<net::Tcp::socket> stream_;
  bool plain_ = false;
  Side side_;
};

}  // namespace

std::unique_ptr<Stream> make_stream(net::Tcp::socket socket, net::TlsContext tls) {
  error_code ignored;
  (void)socket.set_option(net::Tcp::no_delay(true), ignored);
  if (tls) {
    return std::make_unique<TlsStream>(std::move(socket), std::move(tls),
                                       asio::ssl::stream_base::server);
  }
  return std::make_unique<PlainStream<net::Tcp::socket>>(std::move(socket));
}

std::unique_ptr<Stream> make_client_stream(net::Tcp::socket socket, net::TlsContext tls,
                                           const std::string& host) {
  if (!tls) return make_stream(std::move(socket), nullptr);
  auto stream = std::make_unique<TlsStream>(std::move(socket), std::move(tls),
                                            asio::ssl::stream_base::client);
  stream->ask_for(host);
  return stream;
}

std::unique_ptr<Stream> make_stream(net::Local::socket socket) {
  return std::make_unique<PlainStream<net::Local::socket>>(std::move(socket));
}

}  // namespace howdah::http::detail
