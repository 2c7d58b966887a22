// SPDX-License-Identifier: Apache-2.0
#include "node/owner_sync.h"

#include <utility>

#include "base/log.h"
#include "node/owner.h"

namespace howdah::node {
namespace {

// One sync for a burst of new instances.
constexpr milliseconds kCollectTime{3'000};
constexpr milliseconds kRetryTime{30'000};

}  // namespace

OwnerSync::OwnerSync(asio::any_io_executor executor, Environment& environment)
    : environment_(environment), noted_(std::move(executor)) {
  noted_.expires_at(asio::steady_timer::time_point::max());
}

void OwnerSync::note(UnitPtr unit) {
  waiting_.push_back(std::move(unit));
  noted_.cancel();
}

Task<void> OwnerSync::run() {
  while (true) {
    if (waiting_.empty()) co_await noted_.async_wait(net::kToken);
    co_await net::sleep_for(kCollectTime);
    std::vector<UnitPtr> units = std::exchange(waiting_, {});
    const auto synced = co_await sync(units);
    if (synced) continue;
    log::warn("node", "cannot make the owners of new files durable: {}", synced.error().to_log());
    waiting_.insert(waiting_.end(), units.begin(), units.end());
    co_await net::sleep_for(kRetryTime);
  }
}

Task<void> OwnerSync::sync(std::vector<UnitPtr> units) {
  HOWDAH_CO_CHECK(co_await net::offload(
      environment_.pool, std::bind_front(&sync_file_system, environment_.volume->root())));
  for (const UnitPtr& unit : units) {
    if (unit->retiring()) continue;
    HOWDAH_CO_CHECK(
        co_await unit->update([](Manifest& manifest) { manifest.owner_durable = true; }));
  }
  co_return Result<void>{};
}

}  // namespace howdah::node
