// SPDX-License-Identifier: Apache-2.0
#include "node/instance_unit.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/log.h"

namespace howdah::node {

std::string describe_exit(const instance::ExitReport& report) {
  if (!report.exit_code) {
    return report.way == instance::StopWay::clean ? "was stopped by somebody else" : "died";
  }
  if (*report.exit_code > 128) {
    return fmt::format("was killed by signal {}", *report.exit_code - 128);
  }
  return fmt::format("ended with exit code {}", *report.exit_code);
}

InstanceUnit::InstanceUnit(Services& services, Manifest manifest)
    : services_(services),
      manifest_(std::move(manifest)),
      restarts_(services.restart_delays),
      last_activity_(manifest_.created_at),
      changed_(services.executor) {
  changed_.expires_at(TimePoint::max());
}

void InstanceUnit::Storage::note_size(ByteCount taken) {
  constexpr std::chrono::seconds kWindow{10};
  const auto now = std::chrono::steady_clock::now();
  if (!size_last || now - rolled_at >= kWindow) {
    size_before = size_last.value_or(taken);
    rolled_at = now;
  }
  size_last = taken;
}

ByteCount InstanceUnit::Storage::growth() const {
  if (!size_before || !size_last || *size_last < *size_before) return 0;
  return *size_last - *size_before;
}

std::optional<pid_t> InstanceUnit::pid() const {
  if (!postmaster_) return std::nullopt;
  return postmaster_->pid();
}

std::shared_ptr<Postmaster> InstanceUnit::serving() const {
  return state_ == InstanceState::running && !retiring_ ? postmaster_ : nullptr;
}

void InstanceUnit::note_activity() {
  idle_since_ = std::chrono::steady_clock::now();
  last_activity_ = now();
}

bool InstanceUnit::held() const {
  return services_.holds.held(id(), std::chrono::steady_clock::now());
}

void InstanceUnit::set_state(InstanceState state, std::string reason) {
  const InstanceState before = std::exchange(state_, state);
  services_.journal.append(id(), state, std::move(reason));
  if (services_.on_change) services_.on_change(*this, before);
  changed_.cancel();
}

asio::awaitable<void> InstanceUnit::wait_change() {
  // Ended by set_state(); what is waited for is a transition, which has its own deadline.
  co_await changed_.async_wait(net::kToken);
}

Task<void> InstanceUnit::ensure_running(std::string reason) {
  const auto self = shared_from_this();
  std::uint64_t awaited = 0;  // the start whose failure is ours too
  while (true) {
    if (retiring_) co_return fail(ErrorCode::not_found, "this instance is being removed");
    switch (state_) {
      case InstanceState::running:
        co_return Result<void>{};
      case InstanceState::starting:
        awaited = start_number_;
        co_await wait_change();
        break;
      case InstanceState::stopping:
        co_await wait_change();
        break;
      case InstanceState::stopped:
      case InstanceState::failed:
        if (manifest_.paused) co_return fail(ErrorCode::database_paused, "this database is paused");
        if (awaited == start_number_ && start_error_) co_return std::unexpected(*start_error_);
        begin_start(reason, false);
        // It may have failed by now: what is wrong without waiting for anything is told at once.
        awaited = start_number_;
        break;
    }
  }
}

Task<void> InstanceUnit::ensure_stopped(std::string reason, bool force) {
  const auto self = shared_from_this();
  while (true) {
    if (!force && held()) {
      co_return fail(ErrorCode::instance_held, "the instance is in use",
                     "wait until its holders are done, or use force");
    }
    switch (state_) {
      case InstanceState::stopped:
      case InstanceState::failed:
        co_return Result<void>{};
      case InstanceState::running:
        begin_stop(reason, false);
        break;
      case InstanceState::starting:
      case InstanceState::stopping:
        co_await wait_change();
        break;
    }
  }
}

void InstanceUnit::suspend(std::string reason) {
  if (state_ == InstanceState::running && !retiring_ && !held()) {
    begin_stop(std::move(reason), false);
  }
}

Task<void> InstanceUnit::retire(bool force) {
  const auto self = shared_from_this();
  if (!force && held()) {
    co_return fail(ErrorCode::instance_held, "the instance is in use",
                   "wait until its holders are done, or use force");
  }
  retiring_ = true;
  bool killed = false;
  while (true) {
    if (state_ == InstanceState::starting || state_ == InstanceState::stopping) {
      co_await wait_change();
    } else if (!postmaster_) {
      co_return Result<void>{};
    } else if (killed) {
      co_return fail(ErrorCode::unavailable, "the instance did not stop", "try again later",
                     last_failure_);
    } else {
      killed = true;
      begin_stop("removal", true);
    }
  }
}

Task<void> InstanceUnit::update(std::function<void(Manifest&)> change) {
  const auto self = shared_from_this();
  while (updating_) co_await changed_.async_wait(net::kToken);
  updating_ = true;
  Manifest next = manifest_;
  change(next);
  auto saved = co_await services_.save(next);
  updating_ = false;
  changed_.cancel();
  HOWDAH_CO_CHECK(saved);
  manifest_ = std::move(next);
  co_return Result<void>{};
}

InstanceUnit::TimePoint InstanceUnit::suspend_due() const {
  return std::max(awake_until_, idle_since_ + std::chrono::seconds(manifest_.suspend_after_s));
}

void InstanceUnit::begin_start(std::string reason, bool automatic) {
  ++start_number_;
  start_error_.reset();
  start_reason_ = std::move(reason);
  start_automatic_ = automatic;
  set_state(InstanceState::starting, start_reason_);
  services_.transitions.spawn("instance", run_start(shared_from_this()));
}

Task<void> InstanceUnit::run_start(std::shared_ptr<InstanceUnit> self) {
  net::Turns::Turn turn;
  if (services_.turns != nullptr) {
    auto taken = co_await services_.turns->take();
    if (!taken) {
      start_refused(std::move(taken).error());
      co_return Result<void>{};
    }
    turn = std::move(*taken);
  }
  if (services_.admit) {
    auto admitted = co_await services_.admit(manifest_);
    if (!admitted) {
      start_refused(std::move(admitted).error());
      co_return Result<void>{};
    }
  }
  auto started = co_await services_.source.start(manifest_);
  if (!started && started.error().code == ErrorCode::conflict) {
    // It runs although nobody knew: a stop of ours that did not succeed, or an agent before us.
    auto adopted = co_await services_.source.adopt(manifest_);
    if (adopted && *adopted) started = std::move(adopted);
  }
  if (!started) {
    start_failed(std::move(started).error());
    co_return Result<void>{};
  }
  if (services_.prepare) {
    const auto prepared = co_await services_.prepare(self);
    // What was not prepared is found later, and does no harm until then.
    if (!prepared) {
      log::warn("instance", "{}: cannot prepare: {}", id().str(), prepared.error().to_log());
    }
  }
  attach(std::move(*started), start_reason_);
  co_return Result<void>{};
}

void InstanceUnit::begin_adopt() {
  ++start_number_;
  start_error_.reset();
  set_state(InstanceState::starting, "adoption");
  services_.transitions.spawn("instance", run_adopt(shared_from_this()));
}

Task<void> InstanceUnit::run_adopt(std::shared_ptr<InstanceUnit> self) {
  auto adopted = co_await services_.source.adopt(manifest_);
  if (adopted && *adopted) {
    attach(std::move(*adopted), "adopted");
    co_return Result<void>{};
  }
  if (!adopted) {
    log::warn("instance", "{}: cannot adopt: {}", id().str(), adopted.error().to_log());
    last_failure_ = adopted.error().message;
  }
  set_state(InstanceState::stopped, "not running");
  co_return Result<void>{};
}

void InstanceUnit::attach(std::shared_ptr<Postmaster> postmaster, std::string reason) {
  assert(postmaster);
  postmaster_ = std::move(postmaster);
  note_activity();
  set_state(InstanceState::running, std::move(reason));
  services_.watchers.spawn("instance", watch(shared_from_this(), postmaster_));
}

void InstanceUnit::start_failed(Error error) {
  log::warn("instance", "{} (token {}): cannot start: {}", id().str(), manifest_.token,
            error.to_log());
  last_failure_ = error.detail.empty() ? error.message : error.message + "\n" + error.detail;
  const std::string what = error.message;
  start_error_ = std::move(error);
  if (start_automatic_ && held()) {
    set_state(InstanceState::stopped, what);
    if (schedule_restart()) return;
  }
  set_state(InstanceState::failed, what);
}

// Nothing is wrong with it: the next who needs it asks again.
void InstanceUnit::start_refused(Error error) {
  log::info("instance", "{} (token {}): not started: {}", id().str(), manifest_.token,
            error.to_log());
  const std::string what = error.message;
  start_error_ = std::move(error);
  set_state(InstanceState::stopped, what);
  if (start_automatic_ && held()) (void)schedule_restart();
}

Task<void> InstanceUnit::watch(std::shared_ptr<InstanceUnit> self,
                               std::shared_ptr<Postmaster> postmaster) {
  auto report = co_await postmaster->wait_exit();
  // Any other state: it is being stopped, or was, and whoever does it knows.
  if (postmaster_ != postmaster || state_ != InstanceState::running) co_return Result<void>{};
  HOWDAH_CO_CHECK(report);
  died(*report);
  co_return Result<void>{};
}

void InstanceUnit::died(const instance::ExitReport& report) {
  postmaster_.reset();
  const std::string what = "PostgreSQL " + describe_exit(report);
  log::warn("instance", "{} (token {}): {}", id().str(), manifest_.token, what);
  last_failure_ = what;
  services_.transitions.spawn("instance", read_log_tail(shared_from_this(), what));
  set_state(InstanceState::stopped, what);
  if (held() && !schedule_restart()) {
    set_state(InstanceState::failed, what + fmt::format(", {} times within a minute",
                                                        services_.restart_delays.size() + 1));
  }
}

Task<void> InstanceUnit::read_log_tail(std::shared_ptr<InstanceUnit> self, std::string what) {
  const std::string tail = co_await services_.source.log_tail(manifest_);
  // A later failure may have been noted meanwhile.
  if (last_failure_ == what && !tail.empty()) last_failure_ = what + "\n" + tail;
  co_return Result<void>{};
}

// False: it has been restarted too often.
bool InstanceUnit::schedule_restart() {
  const auto delay = restarts_.next(std::chrono::steady_clock::now());
  if (!delay) return false;
  services_.transitions.spawn("instance", restart_later(shared_from_this(), *delay));
  return true;
}

Task<void> InstanceUnit::restart_later(std::shared_ptr<InstanceUnit> self, milliseconds delay) {
  if (delay > milliseconds{0}) co_await net::sleep_for(delay);
  // Meanwhile somebody may have started it, or nobody needs it any more.
  if (state_ == InstanceState::stopped && held() && !retiring_ && !manifest_.paused) {
    begin_start("restart after a crash", true);
  }
  co_return Result<void>{};
}

void InstanceUnit::begin_stop(std::string reason, bool kill) {
  set_state(InstanceState::stopping, reason);
  services_.transitions.spawn("instance", run_stop(shared_from_this(), std::move(reason), kill));
}

Task<void> InstanceUnit::run_stop(std::shared_ptr<InstanceUnit> self, std::string reason,
                                  bool kill) {
  if (!kill && services_.look_last) {
    const auto looked = co_await services_.look_last(self);
    // It may have died, or hang: the stop does not wait for it.
    if (!looked) {
      log::info("instance", "{}: not looked at before its stop: {}", id().str(),
                looked.error().to_log());
    }
  }
  const auto stopped = kill ? co_await postmaster_->kill() : co_await postmaster_->stop();
  if (!stopped) {
    // Something of it still runs, so no second one may be started: a start finds and adopts it.
    log::error("instance", "{}: cannot stop: {}", id().str(), stopped.error().to_log());
    last_failure_ = stopped.error().message;
    set_state(InstanceState::failed, stopped.error().message);
    co_return Result<void>{};
  }
  postmaster_.reset();
  set_state(InstanceState::stopped, std::move(reason));
  co_return Result<void>{};
}

}  // namespace howdah::node
