// SPDX-License-Identifier: Apache-2.0
#include "net/socket_io.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace howdah::net {
namespace {

IoResult from_errno(IoState would_block) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {would_block, 0, false};
  return {IoState::failed, 0, false};
}

int size_for_ssl(std::size_t size) {
  return static_cast<int>(std::min<std::size_t>(size, INT_MAX));
}

}  // namespace

void SocketIo::SslDeleter::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

SocketIo::SocketIo(os::UniqueFd fd) : fd_(std::move(fd)) {}
SocketIo::SocketIo(SocketIo&&) noexcept = default;
SocketIo& SocketIo::operator=(SocketIo&&) noexcept = default;
SocketIo::~SocketIo() = default;

Result<SocketIo> SocketIo::connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(ErrorCode::unavailable, "the socket path is too long", {}, path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  os::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("open a socket", errno);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int number = errno;
    return fail(ErrorCode::unavailable, "nobody answers at the socket", {},
                path + ": " + std::strerror(number));
  }
  return SocketIo(std::move(fd));
}

Result<void> SocketIo::start_tls(const TlsContext& context) {
  ssl_.reset(SSL_new(context->native_handle()));
  if (ssl_ == nullptr || SSL_set_fd(ssl_.get(), fd_.get()) != 1) {
    return fail(ErrorCode::internal, "cannot start TLS");
  }
  context_ = context;
  SSL_set_accept_state(ssl_.get());
  // One system call a record instead of two. Whoever reads must then heed IoResult::again.
  SSL_set_read_ahead(ssl_.get(), 1);
  // No database client resumes sessions; keeping them costs memory, and tickets are written bytes
  // and CPU for nothing.
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  SSL_set_num_tickets(ssl_.get(), 0);
  // PostgreSQL's clients close without close_notify; its own messages have lengths, so a cut is
  // seen without it.
  SSL_set_options(ssl_.get(), SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
  return {};
}

IoResult SocketIo::tls_outcome(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return {IoState::want_read, 0, false};
    case SSL_ERROR_WANT_WRITE:
      return {IoState::want_write, 0, false};
    case SSL_ERROR_ZERO_RETURN:
      return {IoState::closed, 0, false};
    default:
      broken_ = true;
      ERR_clear_error();
      return {IoState::failed, 0, false};
  }
}

IoResult SocketIo::handshake() {
  ERR_clear_error();
  const int returned = SSL_do_handshake(ssl_.get());
  if (returned == 1) return {IoState::done, 0, false};
  return tls_outcome(returned);
}

std::string SocketIo::tls_version() const {
  return ssl_ ? std::string(SSL_get_version(ssl_.get())) : std::string();
}

std::string SocketIo::server_name() const {
  if (!ssl_) return {};
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? std::string{} : std::string(name);
}

IoResult SocketIo::read(std::span<char> buffer) {
  if (!ssl_) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size > 0) return {IoState::done, static_cast<std::size_t>(size), false};
    if (size == 0) return {IoState::closed, 0, false};
    return from_errno(IoState::want_read);
  }
  std::size_t total = 0;
  while (total < buffer.size()) {
    ERR_clear_error();
    const int size =
        SSL_read(ssl_.get(), buffer.data() + total, size_for_ssl(buffer.size() - total));
    if (size <= 0) {
      const IoResult end = tls_outcome(size);
      if (total == 0) return end;
      // The bytes come first; asking again tells the rest.
      return {IoState::done, total, end.state == IoState::closed || end.state == IoState::failed};
    }
    total += static_cast<std::size_t>(size);
    if (SSL_has_pending(ssl_.get()) == 0) return {IoState::done, total, false};
  }
  return {IoState::done, total, true};
}

IoResult SocketIo::write(std::span<const char> bytes) {
  if (!ssl_) {
    const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size >= 0) return {IoState::done, static_cast<std::size_t>(size), false};
    return from_errno(IoState::want_write);
  }
  std::size_t total = 0;
  while (total < bytes.size()) {
    ERR_clear_error();
    const int size =
        SSL_write(ssl_.get(), bytes.data() + total, size_for_ssl(bytes.size() - total));
    if (size <= 0) {
      const IoResult end = tls_outcome(size);
      return total == 0 ? end : IoResult{IoState::done, total, false};
    }
    total += static_cast<std::size_t>(size);
  }
  return {IoState::done, total, false};
}

void SocketIo::end_output() {
  if (ssl_ && !broken_ && SSL_is_init_finished(ssl_.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }
  ::shutdown(fd_.get(), SHUT_WR);
}

void set_interactive(int tcp_fd) {
  // A socket that refuses one of these still works, so failures do not matter.
  constexpr int kOn = 1, kIdleSeconds = 60, kIntervalSeconds = 15, kProbes = 4;
  ::setsockopt(tcp_fd, IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof(kOn));
  ::setsockopt(tcp_fd, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof(kOn));
  ::setsockopt(tcp_fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof(kIdleSeconds));
  ::setsockopt(tcp_fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof(kIntervalSeconds));
  ::setsockopt(tcp_fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof(kProbes));
}

}  // namespace howdah::net
