// SPDX-License-Identifier: Apache-2.0
// Running instances that belong to nobody yet, so that a claim needs no start: `config.spares` of
// the default major version, and one of each other major that databases were made with. They are
// made one at a time and only while no claim is being served, since both want the same disk and
// cores. Owner: NodeService; one thread.
#pragma once
#include <deque>
#include <set>
#include <string>

#include "node/instance_maker.h"

namespace howdah::node {

class Spares {
 public:
  Spares(asio::any_io_executor executor, Environment& environment, Registry& registry,
         InstanceMaker& maker);

  // A running one of that major version that is nobody's now; null: there is none ready.
  UnitPtr take(int pg_major);
  // A database has that major version: from now on a spare of it is kept.
  void note_use(int pg_major);
  // One that was found at start or given back. Any state.
  void offer(UnitPtr unit);
  // To be called after each change of state of any unit: a spare may have died.
  void note_change(const UnitPtr& unit);
  // While claims are being served nothing is made.
  void claim_begins() { ++claims_; }
  void claim_ends();

  std::size_t ready_count() const { return ready_.size(); }
  bool complete() const { return asleep_.empty() && missing_major() == 0; }
  // Keeps the number right until it is cancelled.
  Task<void> run();

 private:
  using Clock = std::chrono::steady_clock;
  bool is_current(const Manifest& manifest) const;
  std::size_t wanted(int pg_major) const;
  std::size_t ready(int pg_major) const;
  // One of which a spare is missing; 0: none.
  int missing_major() const;
  Task<void> wait_for_quiet();
  Task<void> wake_or_remove(UnitPtr unit);
  Task<void> make_one(int pg_major);

  Environment& environment_;
  Registry& registry_;
  InstanceMaker& maker_;
  std::deque<UnitPtr> ready_;
  std::deque<UnitPtr> asleep_;  // spares that do not run: woken while some are missing
  std::set<int> used_;          // major versions, the default one or not
  int claims_ = 0;
  Clock::time_point last_claim_{};
  asio::steady_timer changed_;
};

}  // namespace howdah::node
