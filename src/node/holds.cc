// SPDX-License-Identifier: Apache-2.0
#include "node/holds.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace howdah::node {

Result<bool> Holds::take(const InstanceId& id, const nodeapi::AcquireRequest& request,
                         TimePoint now) {
  Holders& holders = by_instance_[id];
  auto found = holders.find(request.holder);
  const bool is_new = found == holders.end() || found->second.ends_at <= now;
  if (found == holders.end()) {
    if (holders.size() >= kHoldersMax) {
      return fail(ErrorCode::rate_limited,
                  fmt::format("instance {} has {} holders already", id.str(), kHoldersMax));
    }
    found = holders.emplace(request.holder, Hold{{}, TimePoint{}}).first;
  }
  found->second.reason = request.reason;
  extend(id, found, now + std::chrono::seconds(request.ttl_s));
  return is_new;
}

std::vector<InstanceId> Holds::renew(const std::string& holder, const std::vector<InstanceId>& ids,
                                     TimePoint now, std::chrono::seconds ttl) {
  std::vector<InstanceId> renewed;
  for (const InstanceId& id : ids) {
    const auto holders = by_instance_.find(id);
    if (holders == by_instance_.end()) continue;
    const auto hold = holders->second.find(holder);
    if (hold == holders->second.end() || hold->second.ends_at <= now) continue;
    extend(id, hold, now + ttl);
    renewed.push_back(id);
  }
  return renewed;
}

bool Holds::release(const InstanceId& id, const std::string& holder) {
  const auto holders = by_instance_.find(id);
  if (holders == by_instance_.end()) return false;
  const auto hold = holders->second.find(holder);
  if (hold == holders->second.end()) return false;
  by_end_.erase({hold->second.ends_at, id, holder});
  holders->second.erase(hold);
  if (holders->second.empty()) by_instance_.erase(holders);
  return true;
}

void Holds::release_all(const InstanceId& id) {
  const auto holders = by_instance_.find(id);
  if (holders == by_instance_.end()) return;
  for (const auto& [holder, hold] : holders->second) by_end_.erase({hold.ends_at, id, holder});
  by_instance_.erase(holders);
}

std::vector<InstanceId> Holds::expire(TimePoint now) {
  std::vector<InstanceId> ended;
  while (!by_end_.empty() && std::get<0>(*by_end_.begin()) <= now) {
    // Copies: release() erases the entry that these would refer to.
    const InstanceId id = std::get<1>(*by_end_.begin());
    const std::string holder = std::get<2>(*by_end_.begin());
    release(id, holder);
    if (std::ranges::find(ended, id) == ended.end()) ended.push_back(id);
  }
  return ended;
}

bool Holds::held(const InstanceId& id, TimePoint now) const {
  const auto holders = by_instance_.find(id);
  if (holders == by_instance_.end()) return false;
  return std::ranges::any_of(holders->second,
                             [now](const auto& hold) { return hold.second.ends_at > now; });
}

std::vector<nodeapi::Hold> Holds::of(const InstanceId& id, TimePoint now) const {
  std::vector<nodeapi::Hold> result;
  const auto holders = by_instance_.find(id);
  if (holders == by_instance_.end()) return result;
  for (const auto& [holder, hold] : holders->second) {
    if (hold.ends_at <= now) continue;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(hold.ends_at - now);
    result.push_back({holder, hold.reason, howdah::now() + left});
  }
  return result;
}

std::optional<Holds::TimePoint> Holds::next_end() const {
  if (by_end_.empty()) return std::nullopt;
  return std::get<0>(*by_end_.begin());
}

void Holds::extend(const InstanceId& id, Holders::iterator hold, TimePoint ends_at) {
  by_end_.erase({hold->second.ends_at, id, hold->first});
  // A renewal with a shorter TTL, from another request of the same holder, must not cut the hold.
  hold->second.ends_at = std::max(hold->second.ends_at, ends_at);
  by_end_.emplace(hold->second.ends_at, id, hold->first);
}

}  // namespace howdah::node
