// SPDX-License-Identifier: Apache-2.0
#include "net/task_group.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <cassert>
#include <exception>
#include <iterator>

#include "base/log.h"

namespace howdah::net {
namespace {

asio::awaitable<void> log_failure(std::string name, Task<void> task) {
  const auto result = co_await std::move(task);
  if (!result && result.error().code != ErrorCode::cancelled) {
    log::warn(name, "{}", result.error().to_log());
  }
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(std::move(executor)), changed_(executor_) {
  changed_.expires_at(asio::steady_timer::time_point::max());
}

TaskGroup::~TaskGroup() {
  assert(members_.empty() && "await stop() before destruction");
}

void TaskGroup::spawn(std::string name, Task<void> task) {
  auto logged = log_failure(name, std::move(task));
  spawn(std::move(name), std::move(logged));
}

void TaskGroup::spawn(std::string name, asio::awaitable<void> task) {
  if (stopping_) return;
  members_.emplace_back().name = std::move(name);
  const auto member = std::prev(members_.end());
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(
                     member->cancel.slot(), [this, member](const std::exception_ptr& exception) {
                       try {
                         if (exception) std::rethrow_exception(exception);
                       } catch (const boost::system::system_error& error) {
                         // Asio throws this into a coroutine that is cancelled between awaits.
                         if (error.code() != asio::error::operation_aborted) {
                           log::error(member->name, "unexpected: {}", error.what());
                         }
                       } catch (const std::exception& error) {
                         log::error(member->name, "unexpected: {}", error.what());
                       }
                       members_.erase(member);
                       changed_.cancel();
                     }));
}

asio::awaitable<void> TaskGroup::stop(milliseconds drain) {
  stopping_ = true;
  const auto give_up = std::chrono::steady_clock::now() + drain;
  while (!members_.empty() && std::chrono::steady_clock::now() < give_up) {
    changed_.expires_at(give_up);
    co_await changed_.async_wait(kToken);
  }
  // A task that was just entering an await may miss one signal, so the signal is repeated.
  while (!members_.empty()) {
    for (auto member = members_.begin(); member != members_.end();) {
      const auto next = std::next(member);
      member->cancel.emit(asio::cancellation_type::terminal);
      member = next;
    }
    if (members_.empty()) break;
    changed_.expires_after(milliseconds{20});
    co_await changed_.async_wait(kToken);
  }
}

}  // namespace howdah::net
