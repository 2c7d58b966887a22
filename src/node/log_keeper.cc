// SPDX-License-Identifier: Apache-2.0
#include "node/log_keeper.h"

#include "base/log.h"
#include "instance/server_log.h"

namespace howdah::node {
namespace {

// A look at a log is one lstat(2). What can be written between two of them is what a log may have
// beyond its limit.
constexpr milliseconds kEvery{250};

}  // namespace

Task<void> LogKeeper::run() {
  while (true) {
    co_await net::sleep_for(kEvery);
    std::vector<os::Path> large;
    const auto look = [&large](const os::Path& log) {
      if (instance::log_size(log) > instance::kLogSizeMax) large.push_back(log);
    };
    look(environment_.catalog_place().log());
    for (const UnitPtr& unit : registry_.active()) look(environment_.place_of(unit->id()).log());
    for (const os::Path& log : large) {
      const auto limited = co_await net::offload(
          environment_.pool, std::bind_front(&instance::limit_log, log, instance::kLogSizeMax));
      if (!limited) {
        log::warn("node", "cannot shorten {}: {}", log.string(), limited.error().to_log());
      }
    }
  }
}

}  // namespace howdah::node
