// SPDX-License-Identifier: Apache-2.0
// What happened to the instances of this node, in order: how the control plane learns of run state
// without asking for all of it again and again.
//
// Kept in memory only: a new agent has a new boot_id, after which readers list all instances anew.
// A reader that fell behind by more than kEntriesMax sees a gap before the first entry it gets, and
// lists anew too. Owner: NodeService; one thread.
#pragma once
#include <cstdint>
#include <deque>
#include <set>
#include <string>

#include "net/task.h"
#include "nodeapi/messages.h"

namespace howdah::node {

class Journal {
 public:
  static constexpr std::size_t kEntriesMax = 10'000;
  static constexpr std::size_t kPageMax = 1'000;
  static constexpr milliseconds kWaitMax{60'000};

  Journal(asio::any_io_executor executor, std::string boot_id);

  const std::string& boot_id() const { return boot_id_; }
  void append(const InstanceId& id, nodeapi::InstanceState state, std::string reason);
  // Entries after `sequence`, oldest first, at most kPageMax. A sequence from the future (of
  // another boot) has none.
  nodeapi::JournalPage after(std::uint64_t sequence) const;
  // As after(); without entries waits for the next one, at most `wait` (bounded by kWaitMax), then
  // answers an empty page. A sequence from the future is answered at once: its reader must learn
  // the new boot_id.
  Task<nodeapi::JournalPage> wait_after(std::uint64_t sequence, milliseconds wait);
  // Every waiting reader gets its answer now, and later ones do not wait.
  void close();

 private:
  void wake_readers();

  asio::any_io_executor executor_;
  std::string boot_id_;
  std::uint64_t last_sequence_ = 0;
  std::deque<nodeapi::JournalEntry> entries_;
  std::set<asio::steady_timer*> readers_;
  bool closed_ = false;
};

}  // namespace howdah::node
