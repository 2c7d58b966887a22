// SPDX-License-Identifier: Apache-2.0
// Measures what running instances take on the volume, and holds them to their limits.
//
// What counts: the allocated bytes of the data directory without pg_wal (whose size follows the
// size class), whether they are shared with a template or not. The same on every driver, and as of
// now.
//   at the limit      new transactions only read (default_transaction_read_only), and those that
//                     write already are ended. A session that has to write in order to make room
//                     says SET default_transaction_read_only = off.
//   an eighth above   what writes all the same, or spills to temporary files, is ended at each
//                     look.
//   beyond that       on btrfs with simple quotas the kernel refuses writes (EDQUOT), so that no
//                     burst between two looks reaches the neighbours. There is room for WAL in it:
//                     PostgreSQL ends when it cannot write its WAL.
// One that DiskGuard holds back only reads as well.
// It lifts by itself when 2 % of the limit are free again. An instance is looked at the sooner the
// less it has left; no loop walks over what sleeps. Owner: NodeService; one thread.
#pragma once
#include "node/registry.h"

namespace howdah::node {

class StorageWatch {
 public:
  StorageWatch(Environment& environment, Registry& registry)
      : environment_(environment), registry_(registry) {}

  // Until it is cancelled.
  Task<void> run();
  // To be called after each change of state of any unit: one that starts is looked at soon.
  void note_change(const UnitPtr& unit);

 private:
  using Clock = std::chrono::steady_clock;
  Task<void> look(UnitPtr unit);
  Task<void> bound_by_volume(UnitPtr unit);
  Task<void> apply(UnitPtr unit, std::shared_ptr<Postmaster> postmaster);

  Environment& environment_;
  Registry& registry_;
};

// The limits that follow from a limit of `bytes`.
ByteCount storage_hard_limit(ByteCount bytes);
// When to look again, with so much left. Full: there is nothing left.
milliseconds storage_look_after(std::optional<ByteCount> left_bytes);
// Whether it is full, by what it was before: it must have become emptier to be no longer.
bool storage_is_full(ByteCount bytes, ByteCount limit_bytes, bool was_full);

}  // namespace howdah::node
