// SPDX-License-Identifier: Apache-2.0
#include "gate/route_saver.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kQueueMax = 1000;
constexpr milliseconds kRetryPause{1'000};

}  // namespace

RouteSaver::RouteSaver(asio::any_io_executor executor, asio::thread_pool& pool, os::Path path)
    : pool_(pool), file_(std::move(path)), changed_(executor) {}

Result<void> RouteSaver::load(RouteTable& table) {
  HOWDAH_TRY(const auto updates, file_.load());
  for (const RouteUpdate& update : updates) {
    HOWDAH_TRY(const auto ignored, table.apply(update));
    static_cast<void>(ignored);
  }
  saved_version_ = table.version();
  return {};
}

void RouteSaver::save(RouteUpdate update) {
  if (update.snapshot || queue_.size() >= kQueueMax) {
    queue_.clear();
    queue_overflowed_ = true;
  }
  if (!queue_overflowed_) queue_.push_back(std::move(update));
  changed_.cancel();
}

asio::awaitable<Result<void>> RouteSaver::save_queued(const RouteTable& table) {
  const std::uint64_t version = table.version();
  auto changes = std::exchange(queue_, {});
  const bool all = std::exchange(queue_overflowed_, false) || file_.wants_replacing();
  Result<void> saved;
  if (all) {
    // The routes are immutable, so the pool may turn them into text.
    saved = co_await net::offload(
        pool_, [this, content = TableContent{table.all(), table.learned(), version}] {
          return file_.replace(make_snapshot(content));
        });
  } else {
    saved = co_await net::offload(
        pool_, [this, changes = std::move(changes)] { return file_.append(changes); });
  }
  if (saved) saved_version_ = version;
  co_return saved;
}

Task<void> RouteSaver::run(const RouteTable& table) {
  bool failing = false;
  while (!stopping_ || !queue_.empty() || queue_overflowed_) {
    if (queue_.empty() && !queue_overflowed_) {
      changed_.expires_at(asio::steady_timer::time_point::max());
      co_await changed_.async_wait(net::kToken);
      continue;
    }
    const auto saved = co_await save_queued(table);
    if (saved) {
      if (failing) log::info("routes", "the route file is written again");
      failing = false;
      if (on_saved_) on_saved_();
      continue;
    }
    // Not acknowledged, so nobody believes that this gate has kept it; it serves it all the same.
    if (!failing) log::error("routes", "cannot save the routes: {}", saved.error().to_log());
    failing = true;
    queue_overflowed_ = true;
    if (stopping_) break;
    co_await net::sleep_for(kRetryPause);
  }
  co_return Result<void>{};
}

void RouteSaver::stop() {
  stopping_ = true;
  changed_.cancel();
}

}  // namespace howdah::gate
