// SPDX-License-Identifier: Apache-2.0
// At most so many at a time, in the order in which they asked: for work that would only make each
// other late. One thread.
#pragma once
#include <list>

#include "net/task.h"

namespace howdah::net {

class Turns {
 public:
  struct Limits {
    std::size_t at_once = 1;
    std::size_t waiting_max = 1'000;
    // Whoever holds a turn for longer waits for something else than the others do: from then on it
    // does not count. Default: it always counts.
    milliseconds count_for = milliseconds::max();
  };
  Turns(asio::any_io_executor executor, Limits limits);

  // Given back by its destructor. Must not outlive the Turns.
  class Turn {
   public:
    Turn() = default;
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), at_(other.at_) {}
    Turn& operator=(Turn&& other) noexcept;
    ~Turn() { end(); }

   private:
    friend class Turns;
    Turn(Turns* turns, std::list<std::chrono::steady_clock::time_point>::iterator at)
        : turns_(turns), at_(at) {}
    void end();

    Turns* turns_ = nullptr;
    std::list<std::chrono::steady_clock::time_point>::iterator at_;
  };

  // Waits for a turn, as long as it takes. Errors: rate_limited when too many wait.
  Task<Turn> take();

  std::size_t waiting() const { return waiting_.size(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting;

  Clock::time_point free_at() const;
  void wake_first();

  asio::any_io_executor executor_;
  const Limits limits_;
  std::list<Clock::time_point> taken_;  // since when, the oldest first
  std::list<Waiting*> waiting_;         // the first is the next
};

}  // namespace howdah::net
