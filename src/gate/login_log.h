// SPDX-License-Identifier: Apache-2.0
// Which passwords are in use: the last login with each, until it is reported to howdahd. Pure.
// Owned by the gate, used on its one thread.
#pragma once
#include <map>
#include <tuple>
#include <vector>

#include "model/role_change.h"

namespace howdah::gate {

class LoginLog {
 public:
  // Passwords beyond this are not noted while howdahd is away; their next login is.
  static constexpr std::size_t kMax = 10'000;

  // generation 0: howdahd does not know it, nothing to tell.
  void add(LoginSeen seen) {
    if (seen.generation == 0) return;
    const Key key{seen.branch_id, seen.role, seen.generation};
    if (waiting_.size() >= kMax && !waiting_.contains(key)) return;
    Timestamp& last = waiting_[key];
    if (last < seen.last_seen) last = seen.last_seen;
  }
  // At most count of them, which are forgotten here.
  std::vector<LoginSeen> take(std::size_t count) {
    std::vector<LoginSeen> taken;
    while (!waiting_.empty() && taken.size() < count) {
      const auto first = waiting_.begin();
      const auto& [branch, role, generation] = first->first;
      taken.push_back({branch, role, generation, first->second});
      waiting_.erase(first);
    }
    return taken;
  }

 private:
  using Key = std::tuple<BranchId, std::string, std::int64_t>;
  std::map<Key, Timestamp> waiting_;
};

}  // namespace howdah::gate
