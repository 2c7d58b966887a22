// SPDX-License-Identifier: Apache-2.0
#include "gate/route_stream.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace howdah::gate {
namespace {

constexpr milliseconds kWriteMax{10'000};

Task<void> send(net::JsonLines& channel, GateMessage message) {
  co_return co_await net::with_deadline(channel.write(to_json(message)), kWriteMax,
                                        "report to howdahd");
}

}  // namespace

RouteStream::RouteStream(asio::any_io_executor executor, RouteStreamSettings settings,
                         RouteStreamParts parts)
    : settings_(std::move(settings)), parts_(std::move(parts)), saved_(executor) {
  parts_.saver.on_saved([this] { saved_.cancel(); });
}

Task<void> RouteStream::run() {
  milliseconds pause = settings_.retry_min;
  bool told = false;
  for (;;) {
    auto socket = co_await net::connect_unix(settings_.socket_path);
    Result<void> end;
    if (socket) {
      net::JsonLines channel(std::move(*socket));
      end = co_await converse(channel);
      if (std::exchange(connected_, false)) {
        pause = settings_.retry_min;
        told = false;
      }
    } else {
      end = std::unexpected(std::move(socket).error());
    }
    if (!end && end.error().code == ErrorCode::cancelled) co_return end;
    if (!end && !told) {
      log::info("routes", "no route stream, serving version {}: {}", parts_.table.version(),
                end.error().to_log());
      told = true;
    }
    co_await net::sleep_for(pause);
    pause = std::min(2 * pause, settings_.retry_max);
  }
}

Task<void> RouteStream::converse(net::JsonLines& channel) {
  using namespace asio::experimental::awaitable_operators;
  GateHello hello{settings_.gate_id, wants_snapshot_ ? 0 : parts_.saver.saved_version()};
  HOWDAH_CO_CHECK(co_await send(channel, GateMessage{std::move(hello), {}, {}, {}, {}, {}}));
  auto ended = co_await (receive(channel) || report(channel));
  channel.close();
  co_return std::visit([](auto& result) -> Result<void> { return std::move(result); }, ended);
}

Task<void> RouteStream::receive(net::JsonLines& channel) {
  for (;;) {
    HOWDAH_CO_TRY(const boost::json::value message, co_await channel.read());
    HOWDAH_CO_TRY(auto update, route_update_from_json(message));
    HOWDAH_CO_CHECK(apply(std::move(update)));
    if (!std::exchange(connected_, true)) {
      log::info("routes", "route stream connected, version {}, {} branches", parts_.table.version(),
                parts_.table.size());
    }
  }
}

Result<void> RouteStream::apply(RouteUpdate update) {
  if (!update.learned.empty()) {
    return fail(ErrorCode::protocol_violation, "howdahd sent what only a gate's own file holds");
  }
  // After a reconnection howdahd repeats what was applied but not yet acknowledged.
  if (!update.snapshot && update.version <= parts_.table.version()) return {};
  auto touched = parts_.table.apply(update);
  if (!touched) {
    wants_snapshot_ = true;
    return std::unexpected(std::move(touched).error());
  }
  wants_snapshot_ = false;
  parts_.on_change(*touched);
  parts_.saver.save(std::move(update));
  return {};
}

// What one connection has been told, and when it is to be told more.
struct RouteStream::Reporter {
  using Clock = std::chrono::steady_clock;

  RouteStream& stream;
  std::uint64_t acknowledged;
  std::uint64_t changes_told = 0;
  Clock::time_point next_report = Clock::now();
  Clock::time_point next_changes = Clock::now();
  bool first = true;

  GateMessage next_message() {
    RouteStreamParts& parts = stream.parts_;
    const auto at = Clock::now();
    GateMessage message;
    if (parts.saver.saved_version() != acknowledged) {
      acknowledged = parts.saver.saved_version();
      message.ack = GateAck{acknowledged};
    }
    if (parts.table.learned_count() != changes_told || at >= next_changes) {
      changes_told = parts.table.learned_count();
      message.role_changes = parts.table.learned();
      if (message.role_changes.size() > kRolesPerMessageMax) {
        message.role_changes.resize(kRolesPerMessageMax);
      }
      next_changes = at + stream.settings_.change_interval;
    }
    if (at >= next_report) {
      message.use = parts.sessions.take_changed_use(std::exchange(first, false));
      message.denied = parts.denied.take(kDeniedPerMessageMax);
      message.logins = parts.logins.take(kRolesPerMessageMax);
      next_report = at + stream.settings_.report_interval;
    }
    return message;
  }
};

// Acknowledges at once, as it tells of changed passwords; reports use, refused attempts and logins
// at most once an interval.
Task<void> RouteStream::report(net::JsonLines& channel) {
  Reporter reporter{*this, parts_.saver.saved_version()};  // as the hello said
  for (;;) {
    GateMessage message = reporter.next_message();
    if (message.ack || !message.use.empty() || !message.denied.empty() ||
        !message.role_changes.empty() || !message.logins.empty()) {
      const auto denied = message.denied;
      const auto logins = message.logins;
      const auto sent = co_await send(channel, std::move(message));
      if (!sent) {
        // For the next connection. (Use and changes are reported anew at its beginning.)
        for (const DeniedAttempt& attempt : denied) parts_.denied.add(attempt);
        for (const LoginSeen& seen : logins) parts_.logins.add(seen);
        co_return sent;
      }
      continue;  // something may have been saved meanwhile
    }
    saved_.expires_at(std::min(reporter.next_report, reporter.next_changes));
    co_await saved_.async_wait(net::kToken);
  }
}

}  // namespace howdah::gate
