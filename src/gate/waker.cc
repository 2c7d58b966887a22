// SPDX-License-Identifier: Apache-2.0
#include "gate/waker.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/log.h"
#include "net/socket_io.h"

namespace howdah::gate {

// Sessions share it: it outlives its entry when the answer comes late.
struct Waker::Call {
  Call(const asio::any_io_executor& executor, bool releases) : done(executor), release(releases) {
    done.expires_at(asio::steady_timer::time_point::max());
  }
  const Clock::time_point started = Clock::now();
  asio::steady_timer done;  // cancelled when the outcome is there
  std::optional<Result<void>> outcome;
  bool release;
};

// Counts a waiting session, also when its coroutine is cancelled.
struct Waker::Waiting {
  explicit Waiting(std::size_t& sessions) : count(sessions) { ++count; }
  ~Waiting() { --count; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  std::size_t& count;
};

Waker::Waker(asio::any_io_executor executor, nodeapi::Client& node, WakerSettings settings,
             Metrics& metrics)
    : executor_(executor),
      node_(node),
      settings_(std::move(settings)),
      metrics_(metrics),
      changed_(executor),
      calls_(executor) {}

Waker::~Waker() = default;

Waker::Lease::Lease(Lease&& other) noexcept
    : waker_(std::exchange(other.waker_, nullptr)), id_(std::move(other.id_)) {}

Waker::Lease& Waker::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    if (waker_ != nullptr) waker_->end_use(id_);
    waker_ = std::exchange(other.waker_, nullptr);
    id_ = std::move(other.id_);
  }
  return *this;
}

Waker::Lease::~Lease() {
  if (waker_ != nullptr) waker_->end_use(id_);
}

std::string Waker::socket_path(const InstanceId& id) const {
  return fmt::format("{}/{}/.s.PGSQL.5432", settings_.instances_directory, id.str());
}

Waker::Lease Waker::use(InstanceId id) {
  ++instances_[id].uses;
  return {this, std::move(id)};
}

void Waker::end_use(const InstanceId& id) {
  const auto found = instances_.find(id);
  if (--found->second.uses > 0) return;
  found->second.idle_since = Clock::now();
  if (!found->second.held && !found->second.call) {
    instances_.erase(found);
  } else {
    changed_.cancel();  // run() plans the release
  }
}

void Waker::doubt(const Lease& lease) {
  instances_.at(lease.id_).held = false;
}

std::shared_ptr<Waker::Call> Waker::start_acquire(const InstanceId& id, Instance& instance) {
  instance.call = std::make_shared<Call>(executor_, false);
  calls_.spawn("wake", acquire(id, instance.call));
  return instance.call;
}

asio::awaitable<void> Waker::acquire(InstanceId id, std::shared_ptr<Call> call) {
  const auto started = Clock::now();
  nodeapi::AcquireRequest request{settings_.holder, "session", settings_.hold_ttl.count()};
  auto answer = co_await node_.acquire(id, std::move(request));
  metrics_.wake.add(Clock::now() - started);
  if (answer) {
    finish(id, call, {});
  } else {
    ++metrics_.wakes_failed_total;
    finish(id, call, std::unexpected(std::move(answer).error()));
  }
}

asio::awaitable<void> Waker::release(InstanceId id, std::shared_ptr<Call> call) {
  auto answer = co_await node_.release(id, settings_.holder);
  // A hold that could not be released ends by its TTL.
  if (!answer) log::debug("wake", "release {}: {}", id.str(), answer.error().to_log());
  finish(id, call, {});
}

void Waker::finish(const InstanceId& id, const std::shared_ptr<Call>& call, Result<void> outcome) {
  call->outcome = std::move(outcome);
  call->done.cancel();
  const auto found = instances_.find(id);
  if (found == instances_.end() || found->second.call != call) return;
  Instance& instance = found->second;
  instance.call.reset();
  instance.held = !call->release && call->outcome->has_value();
  if (instance.uses > 0) return;
  if (instance.held) {
    changed_.cancel();
  } else {
    instances_.erase(found);
  }
}

Task<void> Waker::ensure_running(const Lease& lease) {
  const InstanceId id = lease.id_;
  const auto give_up = Clock::now() + settings_.wake_max;
  if (instances_.at(id).held) co_return Result<void>{};
  if (waiting_ >= settings_.waiting_max) {
    co_return fail(ErrorCode::too_many_connections, "too many sessions wait for their databases",
                   "try again in a moment");
  }
  for (;;) {
    Instance& instance = instances_.at(id);
    if (instance.held) co_return Result<void>{};
    const auto call = instance.call ? instance.call : start_acquire(id, instance);
    const Waiting waiting(waiting_);
    auto waited = co_await wait_for(id, call, give_up);
    if (!waited) co_return waited;
    if (!call->release) co_return waited;
  }
}

Task<void> Waker::wait_for(InstanceId id, std::shared_ptr<Call> call, Clock::time_point give_up) {
  asio::steady_timer timer(executor_);
  auto next_probe = call->started + settings_.probe_interval;
  while (!call->outcome) {
    const auto now = Clock::now();
    if (now >= give_up) {
      co_return fail(ErrorCode::timeout, "the database did not start in time",
                     "try again in a moment");
    }
    using namespace asio::experimental::awaitable_operators;
    timer.expires_at(std::min(give_up, next_probe));
    co_await (call->done.async_wait(net::kToken) || timer.async_wait(net::kToken));
    if (call->outcome || Clock::now() < next_probe) continue;
    next_probe = Clock::now() + settings_.probe_interval;
    if (net::SocketIo::connect_unix(socket_path(id))) co_return Result<void>{};
  }
  if (*call->outcome || call->outcome->error().code != ErrorCode::unavailable) {
    co_return *call->outcome;
  }
  // No agent. The instance may run all the same.
  if (net::SocketIo::connect_unix(socket_path(id))) co_return Result<void>{};
  co_return *call->outcome;
}

Waker::Clock::time_point Waker::next_release() const {
  auto next = Clock::time_point::max();
  for (const auto& [id, instance] : instances_) {
    if (instance.uses > 0 || instance.call) continue;
    next = std::min(next, instance.idle_since + settings_.linger);
  }
  return next;
}

void Waker::release_idle() {
  const auto now = Clock::now();
  for (auto& [id, instance] : instances_) {
    if (instance.uses > 0 || instance.call) continue;
    if (!stopping_ && instance.idle_since + settings_.linger > now) continue;
    instance.held = false;
    instance.call = std::make_shared<Call>(executor_, true);
    calls_.spawn("release", release(id, instance.call));
  }
}

asio::awaitable<void> Waker::renew() {
  constexpr std::size_t kAtOnce = 1000;
  std::vector<InstanceId> held, lost;
  for (const auto& [id, instance] : instances_) {
    if (instance.held) held.push_back(id);
    // Served without a hold while no agent answered.
    if (!instance.held && !instance.call && instance.uses > 0) lost.push_back(id);
  }
  for (std::size_t from = 0; from < held.size(); from += kAtOnce) {
    const auto first = held.begin() + static_cast<std::ptrdiff_t>(from);
    const auto last =
        held.begin() + static_cast<std::ptrdiff_t>(std::min(from + kAtOnce, held.size()));
    std::vector<InstanceId> asked(first, last);
    auto renewed = co_await node_.renew(settings_.holder, asked, settings_.hold_ttl.count());
    if (!renewed) {
      log::info("wake", "holds not renewed: {}", renewed.error().to_log());
      break;
    }
    std::ranges::sort(*renewed);
    std::ranges::set_difference(asked, *renewed, std::back_inserter(lost));
  }
  for (const InstanceId& id : lost) {
    const auto found = instances_.find(id);
    if (found == instances_.end() || found->second.call) continue;
    found->second.held = false;
    if (found->second.uses > 0) {
      start_acquire(id, found->second);
    } else {
      instances_.erase(found);
    }
  }
}

Task<void> Waker::run() {
  auto next_renewal = Clock::now() + settings_.renew_interval;
  while (!stopping_) {
    changed_.expires_at(std::min(next_renewal, next_release()));
    co_await changed_.async_wait(net::kToken);
    if (stopping_) break;
    release_idle();
    if (Clock::now() < next_renewal) continue;
    next_renewal = Clock::now() + settings_.renew_interval;
    co_await renew();
  }
  co_return Result<void>{};
}

asio::awaitable<void> Waker::stop(milliseconds limit) {
  stopping_ = true;
  changed_.cancel();
  release_idle();
  co_await calls_.stop(limit);
}

}  // namespace howdah::gate
