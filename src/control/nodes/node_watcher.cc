// SPDX-License-Identifier: Apache-2.0
#include "control/nodes/node_watcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "control/nodes/node_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kFirstAnswer = 30s;
constexpr milliseconds kJournalWait = 25s;
constexpr milliseconds kStatusAgeMax = 60s;
constexpr milliseconds kRetryFirst = 200ms;
constexpr milliseconds kRetryMax = 5s;
constexpr std::size_t kPagesMax = 10'000;  // of a backlog: 1,000 entries each

}  // namespace

NodeWatcher::NodeWatcher(Platform& platform) : platform_(platform), tasks_(platform.executor) {}

Task<void> NodeWatcher::start() {
  const auto give_up = std::chrono::steady_clock::now() + kFirstAnswer;
  auto listed = co_await list_anew();
  while (!listed && std::chrono::steady_clock::now() < give_up) {
    co_await net::sleep_for(kRetryFirst);
    listed = co_await list_anew();
  }
  if (!listed) co_return std::unexpected(std::move(listed).error().within("list instances"));
  tasks_.spawn("nodes", loop());
  co_return Result<void>{};
}

asio::awaitable<void> NodeWatcher::stop() {
  co_await tasks_.stop();
}

// Reads the journal's backlog first and the list after it: what the list shows is newer.
Task<void> NodeWatcher::list_anew() {
  HOWDAH_CO_TRY(status_, co_await platform_.node.status());
  platform_.changes.note();
  sequence_ = 0;
  for (std::size_t page_number = 0; page_number < kPagesMax; ++page_number) {
    HOWDAH_CO_TRY(const auto page, co_await platform_.node.journal(sequence_, 0ms));
    boot_id_ = page.boot_id;
    if (page.entries.empty()) break;
    sequence_ = page.entries.back().sequence;
  }
  HOWDAH_CO_TRY(const auto list, co_await platform_.node.instances());
  replace(list);
  reachable_ = true;
  // Branches refer to the row, so it must be there once; later it is only good to know.
  auto saved = co_await node_store::save(platform_.catalog.pool(), status_, boot_id_);
  if (saved) saved_ = true;
  if (!saved_) co_return saved;
  co_return Result<void>{};
}

void NodeWatcher::replace(const std::vector<nodeapi::Instance>& instances) {
  platform_.changes.note();
  instances_.clear();
  for (const auto& one : instances) {
    instances_.insert_or_assign(one.id, Known{one.state, one.last_failure});
  }
}

bool NodeWatcher::apply(const nodeapi::JournalPage& page) {
  if (page.boot_id != boot_id_) return false;
  if (!page.entries.empty()) platform_.changes.note();
  for (const auto& entry : page.entries) {
    if (entry.sequence != sequence_ + 1) return false;
    sequence_ = entry.sequence;
    instances_.insert_or_assign(entry.instance_id, Known{entry.state, entry.reason});
  }
  return true;
}

Task<void> NodeWatcher::follow() {
  auto status_at = std::chrono::steady_clock::now();
  while (true) {
    HOWDAH_CO_TRY(const auto page, co_await platform_.node.journal(sequence_, kJournalWait));
    const bool complete = apply(page);
    const bool old = std::chrono::steady_clock::now() - status_at > kStatusAgeMax;
    // Listing now and then also forgets instances that are deleted.
    if (!complete || old) {
      HOWDAH_CO_CHECK(co_await list_anew());
      status_at = std::chrono::steady_clock::now();
    }
  }
}

asio::awaitable<void> NodeWatcher::loop() {
  milliseconds retry = kRetryFirst;
  while (true) {
    const auto ended = co_await follow();
    if (ended.error().code == ErrorCode::cancelled) co_return;
    if (std::exchange(reachable_, false)) {
      log::warn("nodes", "the node agent does not answer: {}", ended.error().to_log());
      retry = kRetryFirst;
    }
    co_await net::sleep_for(retry);
    retry = std::min(retry * 2, kRetryMax);
    if (co_await list_anew()) {
      log::info("nodes", "the node agent answers again");
      retry = kRetryFirst;
    }
  }
}

std::optional<nodeapi::InstanceState> NodeWatcher::state(const InstanceId& id) const {
  const auto known = instances_.find(id);
  if (known == instances_.end()) return std::nullopt;
  return known->second.state;
}

std::string NodeWatcher::reason(const InstanceId& id) const {
  const auto known = instances_.find(id);
  return known == instances_.end() ? std::string() : known->second.reason;
}

std::map<nodeapi::InstanceState, std::int64_t> NodeWatcher::counts() const {
  std::map<nodeapi::InstanceState, std::int64_t> counts;
  for (const auto& [id, known] : instances_) ++counts[known.state];
  return counts;
}

}  // namespace howdah::control
