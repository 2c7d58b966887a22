// SPDX-License-Identifier: Apache-2.0
#include "net/json_lines.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "base/json.h"

namespace howdah::net {

Task<json::value> JsonLines::read() {
  auto [error, size] = co_await asio::async_read_until(
      socket_, asio::dynamic_buffer(buffer_, kMessageSizeMax), '\n', kToken);
  if (error == asio::error::eof) {
    co_return fail(ErrorCode::unavailable, "the other side closed the channel");
  }
  if (error) co_return fail_net("read a message", error);
  auto message = parse_json(std::string_view(buffer_).substr(0, size - 1));
  buffer_.erase(0, size);
  if (!message) {
    co_return fail(ErrorCode::protocol_violation, "a message is no JSON", {},
                   message.error().to_log());
  }
  co_return std::move(*message);
}

Task<void> JsonLines::write(json::value message) {
  std::string line = json::serialize(message);
  line += '\n';
  auto [error, size] = co_await asio::async_write(socket_, asio::buffer(line), kToken);
  if (error) co_return fail_net("write a message", error);
  co_return Result<void>{};
}

void JsonLines::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace howdah::net
