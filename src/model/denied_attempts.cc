// SPDX-License-Identifier: Apache-2.0
#include "model/denied_attempts.h"

#include <algorithm>

namespace howdah {

void DeniedAttempts::add(DeniedAttempt attempt) {
  Key key(attempt.branch_id, attempt.address);
  auto found = attempts_.find(key);
  if (found == attempts_.end() && attempts_.size() >= addresses_max_) {
    // One such entry for each branch, so this is bounded as well.
    attempt.address.clear();
    key.second.clear();
    found = attempts_.find(key);
  }
  if (found == attempts_.end()) {
    attempts_.emplace(std::move(key), std::move(attempt));
    return;
  }
  DeniedAttempt& sum = found->second;
  sum.direct_count += attempt.direct_count;
  sum.pooled_count += attempt.pooled_count;
  sum.first_at = std::min(sum.first_at, attempt.first_at);
  sum.last_at = std::max(sum.last_at, attempt.last_at);
}

std::vector<DeniedAttempt> DeniedAttempts::take(std::size_t count_max) {
  std::vector<DeniedAttempt> taken;
  while (!attempts_.empty() && taken.size() < count_max) {
    auto next = attempts_.upper_bound(taken_);
    if (next == attempts_.end()) next = attempts_.begin();
    taken_ = next->first;
    taken.push_back(std::move(next->second));
    attempts_.erase(next);
  }
  return taken;
}

}  // namespace howdah
