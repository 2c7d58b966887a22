// SPDX-License-Identifier: Apache-2.0
// Work that many callers ask for at once and that must be done once: all of them get the one
// result. It runs in a task group, so that it ends in good order when a caller is gone.
// One thread.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/task_group.h"

namespace howdah::node {

template <typename Key, typename T>
class SingleFlight {
 public:
  // Both outlive this.
  SingleFlight(asio::any_io_executor executor, net::TaskGroup& tasks)
      : executor_(std::move(executor)), tasks_(tasks) {}

  // work is started unless it is under way for this key. It must be bounded by itself.
  Task<T> run(Key key, std::function<Task<T>()> work) {
    const auto under_way = flights_.find(key);
    const bool is_first = under_way == flights_.end();
    const std::shared_ptr<Flight> flight =
        is_first ? std::make_shared<Flight>(executor_) : under_way->second;
    if (is_first) {
      flights_.emplace(key, flight);
      // It runs at once up to its first wait, and may be over when this returns.
      tasks_.spawn("single flight", fly(flight, std::move(key), std::move(work)));
    }
    while (!flight->result) co_await flight->done.async_wait(net::kToken);
    co_return *flight->result;
  }

  bool empty() const { return flights_.empty(); }

 private:
  struct Flight {
    explicit Flight(asio::any_io_executor executor) : done(std::move(executor)) {
      done.expires_at(asio::steady_timer::time_point::max());
    }
    std::optional<Result<T>> result;
    asio::steady_timer done;
  };

  // The result is each caller's to handle, so it is no result of this task.
  asio::awaitable<void> fly(std::shared_ptr<Flight> flight, Key key,
                            std::function<Task<T>()> work) {
    flight->result.emplace(co_await work());
    flights_.erase(key);
    flight->done.cancel();
  }

  asio::any_io_executor executor_;
  net::TaskGroup& tasks_;
  std::map<Key, std::shared_ptr<Flight>> flights_;
};

}  // namespace howdah::node
