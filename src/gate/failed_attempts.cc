// SPDX-License-Identifier: Apache-2.0
#include "gate/failed_attempts.h"

#include "base/log.h"
#include "crypto/random.h"

namespace howdah::gate {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::minutes kTellEvery{1};

}  // namespace

FailedAttempts::FailedAttempts(Rate rate) : table_(rate, kAddresses, crypto::random_number()) {}

bool FailedAttempts::too_many(std::string_view party) {
  return !table_.look(party, Clock::now()).allowed;
}

bool FailedAttempts::add(std::string_view party, std::string_view shown) {
  const auto at = Clock::now();
  if (table_.take(party, at).allowed) return false;
  if (at - told_ > kTellEvery) {
    told_ = at;
    log::info("gate",
              "too many failed logins from {}: it is slowed down; a firewall rule keeps it "
              "away",
              shown);
  }
  return true;
}

}  // namespace howdah::gate
