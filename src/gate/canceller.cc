// SPDX-License-Identifier: Apache-2.0
#include "gate/canceller.h"

#include <utility>

#include "gate/wire.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kOpenMax = 64;
constexpr milliseconds kLimit{5'000};
// A statement that was sent just before its session was cut has begun by then. What still escapes
// ends by client_connection_check_interval.
constexpr milliseconds kOnItsWay{200};

// Counts a connection, also when its coroutine is cancelled.
struct Open {
  explicit Open(std::size_t& connections) : count(connections) { ++count; }
  ~Open() { --count; }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
  std::size_t& count;
};

Task<void> send_cancel(Wire wire, pgwire::BackendKey key) {
  HOWDAH_CO_CHECK(
      co_await wire.write(pgwire::build_cancel_request({key.process_id, std::move(key.secret)})));
  // The postmaster closes when the signal is sent; anything it says is not for us.
  std::array<char, 64> ignored;
  while (co_await wire.connection().read_some(ignored)) {
  }
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<void> Canceller::forward(CancelTarget target) {
  if (open_ >= kOpenMax) co_return;
  const Open open(open_);
  auto io = net::SocketIo::connect_unix(target.socket_path);
  if (!io) co_return;
  ++metrics_.cancels_total;
  co_await net::with_deadline(
      send_cancel(Wire(net::Connection(executor_, std::move(*io))), std::move(target.server_key)),
      kLimit, "cancel a query");
}

asio::awaitable<void> Canceller::serve(pgwire::CancelRequest request) {
  const CancelTarget* target = registry_.find(request);
  if (target == nullptr) {
    ++metrics_.cancels_unknown_total;
    co_return;
  }
  co_await forward(*target);
}

asio::awaitable<void> Canceller::forward_again(CancelTarget target) {
  co_await forward(target);
  co_await net::sleep_for(kOnItsWay);
  co_await forward(std::move(target));
}

void Canceller::cut(CancelTarget target) {
  tasks_.spawn("cancel", forward_again(std::move(target)));
}

}  // namespace howdah::gate
