// SPDX-License-Identifier: Apache-2.0
#include "gate/wire.h"

#include <algorithm>

namespace howdah::gate {
namespace {

constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kEarlyBytesMax = 65'536;

}  // namespace

Task<void> Wire::receive(std::size_t at_least) {
  const std::size_t wanted = buffer_.size() + at_least;
  while (buffer_.size() < wanted) {
    const std::size_t used = buffer_.size();
    buffer_.resize(std::max(wanted, used + kReadBytes));
    auto read = co_await connection_.read_some(std::span(buffer_).subspan(used));
    buffer_.resize(used + read.value_or(0));
    if (!read) co_return std::unexpected(std::move(read).error());
  }
  co_return Result<void>{};
}

Task<pgwire::FirstPacket> Wire::read_first_packet() {
  for (;;) {
    HOWDAH_CO_TRY(auto decoded, pgwire::decode_first_packet(buffer_));
    if (!std::holds_alternative<std::monostate>(decoded.packet)) {
      buffer_.erase(0, decoded.consumed);
      co_return std::move(decoded.packet);
    }
    HOWDAH_CO_CHECK(co_await receive(std::max<std::size_t>(decoded.needed, 1)));
  }
}

Task<Message> Wire::read_message(std::size_t body_bytes_max) {
  for (;;) {
    HOWDAH_CO_TRY(const auto header, pgwire::decode_header(buffer_, body_bytes_max));
    const std::size_t size = header ? pgwire::kHeaderBytes + header->body_bytes : 0;
    if (header && buffer_.size() >= size) {
      Message message{header->type, buffer_.substr(pgwire::kHeaderBytes, header->body_bytes)};
      buffer_.erase(0, size);
      co_return message;
    }
    const std::size_t wanted = header ? size : pgwire::kHeaderBytes;
    HOWDAH_CO_CHECK(co_await receive(wanted - buffer_.size()));
  }
}

Task<void> Wire::until_closed() {
  while (buffer_.size() < kEarlyBytesMax) HOWDAH_CO_CHECK(co_await receive(1));
  asio::steady_timer never(co_await asio::this_coro::executor);
  never.expires_at(asio::steady_timer::time_point::max());
  auto [error] = co_await never.async_wait(net::kToken);
  co_return net::fail_net("wait for a client", error);
}

Task<void> Wire::write(std::string bytes) {
  return connection_.write(std::move(bytes));
}

Wire::Parts Wire::release() && {
  return {std::move(connection_).release(), std::move(buffer_)};
}

}  // namespace howdah::gate
