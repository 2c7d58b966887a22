// SPDX-License-Identifier: Apache-2.0
// Owns coroutines that run beside their starter, so that none is ever detached.
// Lives and is used on the one thread of its executor.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <string>

#include "net/task.h"

namespace howdah::net {

class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  // Every task must have ended: await stop() first.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts task. An exception that escapes it is logged under name and ends only this task.
  // After stop() has begun, the task is dropped unstarted.
  void spawn(std::string name, asio::awaitable<void> task);
  // The same for a task with a result: an error other than `cancelled` is logged as a warning.
  void spawn(std::string name, Task<void> task);

  std::size_t size() const { return members_.size(); }

  // Waits until all tasks ended by themselves, at most drain; cancels the others and awaits them.
  asio::awaitable<void> stop(milliseconds drain = milliseconds{0});

 private:
  struct Member {
    std::string name;
    asio::cancellation_signal cancel;
  };

  asio::any_io_executor executor_;
  std::list<Member> members_;
  asio::steady_timer changed_;
  bool stopping_ = false;
};

}  // namespace howdah::net
