// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include <utility>

namespace howdah::net {

Connection::Connection(asio::any_io_executor executor, SocketIo io)
    : io_(std::move(io)), waiter_(executor, io_.fd()) {}

Connection::~Connection() {
  if (waiter_.is_open()) waiter_.release();
}

Task<void> Connection::wait_for(IoState state) {
  using Descriptor = asio::posix::descriptor_base;
  const auto direction =
      state == IoState::want_write ? Descriptor::wait_write : Descriptor::wait_read;
  auto [error] = co_await waiter_.async_wait(direction, kToken);
  if (error) co_return fail_net("wait for a connection", error);
  co_return Result<void>{};
}

Task<void> Connection::accept_tls(TlsContext context) {
  HOWDAH_CO_CHECK(io_.start_tls(context));
  for (;;) {
    const IoResult result = io_.handshake();
    if (result.state == IoState::done) co_return Result<void>{};
    if (result.state == IoState::closed) {
      co_return fail(ErrorCode::unavailable, "the other side closed the connection");
    }
    if (result.state == IoState::failed) co_return fail(ErrorCode::io_error, "no TLS handshake");
    HOWDAH_CO_CHECK(co_await wait_for(result.state));
  }
}

Task<std::size_t> Connection::read_some(std::span<char> buffer) {
  for (;;) {
    const IoResult result = io_.read(buffer);
    if (result.state == IoState::done) co_return result.bytes;
    if (result.state == IoState::closed) {
      co_return fail(ErrorCode::unavailable, "the other side closed the connection");
    }
    if (result.state == IoState::failed) {
      co_return fail(ErrorCode::io_error, "the connection is lost");
    }
    HOWDAH_CO_CHECK(co_await wait_for(result.state));
  }
}

Task<void> Connection::write(std::string bytes) {
  std::span<const char> rest(bytes);
  while (!rest.empty()) {
    const IoResult result = io_.write(rest);
    if (result.state == IoState::done) {
      rest = rest.subspan(result.bytes);
      continue;
    }
    if (result.state == IoState::failed || result.state == IoState::closed) {
      co_return fail(ErrorCode::io_error, "the connection is lost");
    }
    HOWDAH_CO_CHECK(co_await wait_for(result.state));
  }
  co_return Result<void>{};
}

SocketIo Connection::release() && {
  waiter_.release();
  return std::move(io_);
}

}  // namespace howdah::net
