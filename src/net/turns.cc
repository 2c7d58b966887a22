// SPDX-License-Identifier: Apache-2.0
#include "net/turns.h"

#include <iterator>

namespace howdah::net {

// A place in the queue, left also when the coroutine is cancelled.
struct Turns::Waiting {
  explicit Waiting(Turns& all)
      : turns(all), timer(all.executor_), place(all.waiting_.insert(all.waiting_.end(), this)) {}
  ~Waiting() {
    turns.waiting_.erase(place);
    turns.wake_first();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  bool is_first() const { return turns.waiting_.front() == this; }

  Turns& turns;
  asio::steady_timer timer;
  std::list<Waiting*>::iterator place;
};

Turns::Turns(asio::any_io_executor executor, Limits limits)
    : executor_(std::move(executor)), limits_(limits) {}

Turns::Turn& Turns::Turn::operator=(Turn&& other) noexcept {
  if (this == &other) return *this;
  end();
  turns_ = std::exchange(other.turns_, nullptr);
  at_ = other.at_;
  return *this;
}

void Turns::Turn::end() {
  if (turns_ == nullptr) return;
  turns_->taken_.erase(at_);
  std::exchange(turns_, nullptr)->wake_first();
}

// When one may begin; a time that is over: now.
Turns::Clock::time_point Turns::free_at() const {
  if (taken_.size() < limits_.at_once) return Clock::time_point::min();
  if (limits_.count_for == milliseconds::max()) return Clock::time_point::max();
  // All but at_once - 1 must have stopped to count; the oldest are first.
  return *std::next(taken_.begin(), static_cast<std::ptrdiff_t>(taken_.size() - limits_.at_once)) +
         limits_.count_for;
}

void Turns::wake_first() {
  if (!waiting_.empty()) waiting_.front()->timer.cancel();
}

Task<Turns::Turn> Turns::take() {
  if (waiting_.size() >= limits_.waiting_max) {
    co_return fail(ErrorCode::rate_limited, "too many wait for their turn", "try again later");
  }
  Waiting waiting(*this);
  while (!waiting.is_first() || free_at() > Clock::now()) {
    waiting.timer.expires_at(waiting.is_first() ? free_at() : Clock::time_point::max());
    co_await waiting.timer.async_wait(kToken);
  }
  co_return Turn(this, taken_.insert(taken_.end(), Clock::now()));
}

}  // namespace howdah::net
