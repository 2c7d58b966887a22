// SPDX-License-Identifier: Apache-2.0
// How often an instance that keeps dying is started again by itself. Without a bound a damaged data
// directory would burn a core for ever. Values only: the caller says what time it is.
#pragma once
#include <chrono>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

namespace howdah::node {

class RestartBudget {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Delays = std::vector<std::chrono::milliseconds>;
  static constexpr std::chrono::seconds kWindow{60};

  // The first restart is immediate: clients are waiting.
  static Delays default_delays() {
    using std::chrono::milliseconds;
    return {milliseconds{0}, milliseconds{250}, milliseconds{1'000}};
  }

  explicit RestartBudget(Delays delays) : delays_(std::move(delays)) {}

  // How long to wait before the next restart, which is counted by asking. Empty: within kWindow it
  // has been restarted as often as there are delays.
  std::optional<std::chrono::milliseconds> next(TimePoint now) {
    while (!restarts_.empty() && restarts_.front() + kWindow <= now) restarts_.pop_front();
    if (restarts_.size() == delays_.size()) return std::nullopt;
    restarts_.push_back(now);
    return delays_[restarts_.size() - 1];
  }

 private:
  Delays delays_;
  std::deque<TimePoint> restarts_;
};

}  // namespace howdah::node
