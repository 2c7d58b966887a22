// SPDX-License-Identifier: Apache-2.0
// Lets coroutines of this process wait for news of one job. On the loop's thread.
#pragma once
#include <map>
#include <string>

#include "control/jobs/job.h"
#include "net/task.h"

namespace howdah::control {

class JobSignals {
 public:
  // Until notify(id), at most `wait`.
  Task<void> wait(JobId id, milliseconds wait) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const Entry entry(*this, id.str(), timer);
    timer.expires_after(wait);
    co_await timer.async_wait(net::kToken);
    co_return Result<void>{};
  }
  void notify(const JobId& id) {
    const auto [begin, end] = waiting_.equal_range(id.str());
    for (auto entry = begin; entry != end; ++entry) entry->second->cancel();
  }

 private:
  using Waiting = std::multimap<std::string, asio::steady_timer*>;
  struct Entry {
    Entry(JobSignals& owner, std::string id, asio::steady_timer& timer)
        : signals(owner), place(signals.waiting_.emplace(std::move(id), &timer)) {}
    ~Entry() { signals.waiting_.erase(place); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    JobSignals& signals;
    Waiting::iterator place;
  };

  Waiting waiting_;
};

}  // namespace howdah::control
