// SPDX-License-Identifier: Apache-2.0
// Connections that a firewall refused, added up by branch and address, so that a flood of them
// costs a bounded amount of memory and of messages. Pure.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/id.h"

namespace howdah {

struct DeniedAttempt {
  BranchId branch_id;
  // Without a zone, IPv4 in its own form. Empty: addresses beyond the limit, taken together.
  std::string address;
  std::int64_t direct_count = 0;  // by the port
  std::int64_t pooled_count = 0;
  Timestamp first_at;
  Timestamp last_at;
};

class DeniedAttempts {
 public:
  // Above addresses_max, new addresses of a branch are added up as one without an address.
  explicit DeniedAttempts(std::size_t addresses_max) : addresses_max_(addresses_max) {}

  void add(DeniedAttempt attempt);
  // Takes at most count_max out, in turns, so that none waits for ever behind a flood.
  std::vector<DeniedAttempt> take(std::size_t count_max);

  bool empty() const { return attempts_.empty(); }
  std::size_t size() const { return attempts_.size(); }

 private:
  using Key = std::pair<BranchId, std::string>;
  std::size_t addresses_max_;
  std::map<Key, DeniedAttempt> attempts_;
  Key taken_;  // the last one that take() gave out
};

}  // namespace howdah
