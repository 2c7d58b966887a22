// SPDX-License-Identifier: Apache-2.0
// A connected stream socket that never waits, in the clear or under TLS (server side). Who waits,
// and how, is the caller's business: net::Connection does it with coroutines, the gate's relay with
// its own epoll. The process must ignore SIGPIPE. Used on one thread.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "base/error.h"
#include "net/tls.h"
#include "os/file.h"

struct ssl_st;  // OpenSSL's SSL

namespace howdah::net {

// done: something was moved. want_read, want_write: nothing was, wait for the socket to become so
// (under TLS a write may want to read and the other way round). closed: the other side ended its
// output in order. failed: the connection is lost.
enum class IoState { done, want_read, want_write, closed, failed };

struct IoResult {
  IoState state = IoState::failed;
  std::size_t bytes = 0;
  // More can be had without waiting for the socket: TLS holds bytes that epoll does not see.
  bool again = false;
};

class SocketIo {
 public:
  // fd: connected and non-blocking.
  explicit SocketIo(os::UniqueFd fd);
  SocketIo(SocketIo&&) noexcept;
  SocketIo& operator=(SocketIo&&) noexcept;
  ~SocketIo();

  // A unix socket at path. Connecting never waits: a full backlog is an error that may be retried.
  // Errors: unavailable.
  static Result<SocketIo> connect_unix(const std::string& path);

  int fd() const { return fd_.get(); }
  bool under_tls() const { return ssl_ != nullptr; }

  // From here on everything goes through TLS; handshake() until it is done.
  // Errors: internal.
  Result<void> start_tls(const TlsContext& context);
  IoResult handshake();
  // "TLSv1.3"; empty: in the clear.
  std::string tls_version() const;
  // The host name the client asked for (SNI); empty: none. Known after the handshake.
  std::string server_name() const;

  // Reads what is there, up to the size of buffer. Never done with 0 bytes.
  IoResult read(std::span<char> buffer);
  // Writes as much as goes. After want_* the same bytes must come again, at least.
  IoResult write(std::span<const char> bytes);
  // Tells the other side that nothing more will come (TLS close_notify, FIN). Best effort.
  void end_output();

 private:
  struct SslDeleter {
    void operator()(ssl_st* ssl) const;
  };

  IoResult tls_outcome(int returned);

  os::UniqueFd fd_;
  TlsContext context_;
  std::unique_ptr<ssl_st, SslDeleter> ssl_;
  bool broken_ = false;  // after a TLS failure nothing more may be sent through it
};

// Small answers leave at once and a vanished peer is noticed within about two minutes.
void set_interactive(int tcp_fd);

}  // namespace howdah::net
