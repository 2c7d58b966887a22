// SPDX-License-Identifier: Apache-2.0
// Wakes every coroutine that waits for something to change. One thread; must outlive its waiters.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>

#include "net/task.h"

namespace howdah::control {

class Signal {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Returns at the next notify() or at give_up, whichever comes first. The caller looks at what it
  // waits for before and after: a notify() that nobody waited for is not remembered.
  asio::awaitable<void> wait_until(Time give_up) {
    asio::steady_timer timer(co_await asio::this_coro::executor, give_up);
    const auto place = waiting_.insert(waiting_.end(), &timer);
    struct Leave {
      std::list<asio::steady_timer*>& list;
      std::list<asio::steady_timer*>::iterator place;
      ~Leave() { list.erase(place); }
    } leave{waiting_, place};
    co_await timer.async_wait(net::kToken);
  }
  asio::awaitable<void> wait_for(milliseconds limit) {
    return wait_until(std::chrono::steady_clock::now() + limit);
  }

  void notify() {
    for (asio::steady_timer* timer : waiting_) timer->cancel();
  }

 private:
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace howdah::control
