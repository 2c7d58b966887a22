// SPDX-License-Identifier: Apache-2.0
#include "control/routing/gate_link.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kHelloTimeout = 10s;
// A snapshot of every route may be large, and the gate reads it while it serves clients.
constexpr milliseconds kWriteTimeout = 30s;
constexpr std::size_t kBranchesMax = 100'000;

}  // namespace

GateLink::GateLink(net::Local::socket socket, const RouteTable& table, Listener listener)
    : lines_(std::move(socket)), table_(table), listener_(std::move(listener)) {}

Task<void> GateLink::run() {
  using namespace asio::experimental::awaitable_operators;
  HOWDAH_CO_CHECK(co_await net::with_deadline(read_hello(), kHelloTimeout, "read a gate's hello"));
  auto outcome = co_await (read_loop() || write_loop());
  live_ = false;
  co_return outcome.index() == 0 ? std::get<0>(std::move(outcome))
                                 : std::get<1>(std::move(outcome));
}

void GateLink::send(std::shared_ptr<const boost::json::value> update) {
  if (!live_ || needs_snapshot_) return;
  if (pending_.size() == kPendingMax) {
    pending_.clear();
    needs_snapshot_ = true;
  } else {
    pending_.push_back(std::move(update));
  }
  wake_.notify();
}

Task<void> GateLink::read_hello() {
  HOWDAH_CO_TRY(const auto value, co_await lines_.read());
  HOWDAH_CO_TRY(const GateMessage message, gate_message_from_json(value));
  if (!message.hello) {
    co_return fail(ErrorCode::protocol_violation, "a gate did not say who it is");
  }
  id_ = message.hello->gate_id;
  // What it has kept counts only when it is exactly what is there now: older changes are not kept.
  needs_snapshot_ = message.hello->version != table_.version();
  acknowledged_ = needs_snapshot_ ? 0 : message.hello->version;
  live_ = true;
  listener_.changed();
  co_return Result<void>{};
}

Task<void> GateLink::read_loop() {
  while (true) {
    HOWDAH_CO_TRY(const auto value, co_await lines_.read());
    HOWDAH_CO_TRY(GateMessage message, gate_message_from_json(value));
    if (message.hello || (message.ack && message.ack->version > table_.version()) ||
        message.denied.size() > kDeniedPerMessageMax ||
        message.role_changes.size() > kRolesPerMessageMax ||
        message.logins.size() > kRolesPerMessageMax) {
      co_return fail(ErrorCode::protocol_violation,
                     "gate " + id_.str() + " sent a message that does not fit");
    }
    if (message.ack) acknowledged_ = message.ack->version;
    for (const BranchUse& use : message.use) {
      if (use_.size() < kBranchesMax) use_.insert_or_assign(use.branch_id, use);
    }
    if (!message.denied.empty()) listener_.denied(std::move(message.denied));
    if (!message.role_changes.empty()) listener_.role_changes(std::move(message.role_changes));
    if (!message.logins.empty()) listener_.logins(std::move(message.logins));
    listener_.changed();
  }
}

Task<void> GateLink::write_loop() {
  while (true) {
    if (needs_snapshot_) {
      // Taken and marked in one go, so no update falls between.
      boost::json::value snapshot = to_json(table_.snapshot());
      needs_snapshot_ = false;
      pending_.clear();
      HOWDAH_CO_CHECK(co_await net::with_deadline(lines_.write(std::move(snapshot)), kWriteTimeout,
                                                  "send a snapshot to gate " + id_.str()));
    } else if (!pending_.empty()) {
      const auto update = std::move(pending_.front());
      pending_.pop_front();
      HOWDAH_CO_CHECK(co_await net::with_deadline(lines_.write(*update), kWriteTimeout,
                                                  "send routes to gate " + id_.str()));
    } else {
      co_await wake_.wait_until(Signal::Time::max());
    }
  }
}

}  // namespace howdah::control
