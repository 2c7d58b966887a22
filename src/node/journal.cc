// SPDX-License-Identifier: Apache-2.0
#include "node/journal.h"

#include <algorithm>
#include <utility>

namespace howdah::node {

Journal::Journal(asio::any_io_executor executor, std::string boot_id)
    : executor_(std::move(executor)), boot_id_(std::move(boot_id)) {}

void Journal::append(const InstanceId& id, nodeapi::InstanceState state, std::string reason) {
  if (entries_.size() == kEntriesMax) entries_.pop_front();
  entries_.push_back({++last_sequence_, now(), id, state, std::move(reason)});
  wake_readers();
}

nodeapi::JournalPage Journal::after(std::uint64_t sequence) const {
  nodeapi::JournalPage page{boot_id_, {}};
  if (entries_.empty() || sequence >= last_sequence_) return page;
  const std::uint64_t first = entries_.front().sequence;
  const std::size_t skipped = sequence < first ? 0 : static_cast<std::size_t>(sequence - first) + 1;
  const std::size_t count = std::min(kPageMax, entries_.size() - skipped);
  const auto begin = entries_.begin() + static_cast<std::ptrdiff_t>(skipped);
  page.entries.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  return page;
}

Task<nodeapi::JournalPage> Journal::wait_after(std::uint64_t sequence, milliseconds wait) {
  if (sequence == last_sequence_ && !closed_ && wait > milliseconds{0}) {
    asio::steady_timer timer(executor_);
    timer.expires_after(std::min(wait, kWaitMax));
    readers_.insert(&timer);
    co_await timer.async_wait(net::kToken);
    readers_.erase(&timer);
  }
  co_return after(sequence);
}

void Journal::close() {
  closed_ = true;
  wake_readers();
}

void Journal::wake_readers() {
  for (asio::steady_timer* reader : readers_) reader->cancel();
}

}  // namespace howdah::node
