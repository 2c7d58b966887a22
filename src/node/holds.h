// SPDX-License-Identifier: Apache-2.0
// Who needs which instance awake, and until when: suspend, stop and delete respect it.
//
// Time is the steady clock, so that a step of the wall clock ends no hold early. A hold counts
// until its end even before expire() is called, and never after it. Only instances with holds take
// space or time here. Values only: no I/O. Owner: Registry; one thread.
#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "nodeapi/messages.h"

namespace howdah::node {

class Holds {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kHoldersMax = 64;  // of one instance

  // Takes the hold, or renews it with the new reason. Returns: true when it is new.
  // Errors: rate_limited when the instance has kHoldersMax others.
  Result<bool> take(const InstanceId& id, const nodeapi::AcquireRequest& request, TimePoint now);
  // Those of ids that `holder` held and now holds for ttl more.
  std::vector<InstanceId> renew(const std::string& holder, const std::vector<InstanceId>& ids,
                                TimePoint now, std::chrono::seconds ttl);
  // Returns: whether there was such a hold.
  bool release(const InstanceId& id, const std::string& holder);
  void release_all(const InstanceId& id);
  // Drops what has ended. Returns: the instances that lost a hold by it, each once.
  std::vector<InstanceId> expire(TimePoint now);

  bool held(const InstanceId& id, TimePoint now) const;
  // With wall-clock ends, for people and for the API.
  std::vector<nodeapi::Hold> of(const InstanceId& id, TimePoint now) const;
  // The end of the one that ends first; empty: there is none.
  std::optional<TimePoint> next_end() const;

 private:
  struct Hold {
    std::string reason;
    TimePoint ends_at;
  };
  using Holders = std::map<std::string, Hold>;

  void extend(const InstanceId& id, Holders::iterator hold, TimePoint ends_at);

  std::unordered_map<InstanceId, Holders> by_instance_;
  std::set<std::tuple<TimePoint, InstanceId, std::string>> by_end_;
};

}  // namespace howdah::node
