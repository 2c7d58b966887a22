// SPDX-License-Identifier: Apache-2.0
// SQL of what becomes of a database: paused, resumed, deleted, brought back, purged. Each returns
// whether it changed anything, so a step that runs again does nothing.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "control/databases/elapsed_time.h"
#include "pg/pool.h"

namespace howdah::control::lifecycle_store {

Task<bool> mark_paused(pg::Connection& connection, DatabaseId id, std::string reason);
Task<bool> mark_resumed(pg::Connection& connection, DatabaseId id);

// A tombstone with its branches. It is purged when both clocks have come to the end of `keep`.
struct Tombstone {
  DatabaseId id;
  std::chrono::seconds keep;
  Moment now;
};
// Returns purge_after. Errors: database_deleted when it is one already.
Task<Timestamp> mark_deleted(pg::Connection& connection, Tombstone tombstone);
// It may be purged at once, whatever it was before.
Task<void> mark_for_purge(pg::Connection& connection, DatabaseId id);
// Errors: conflict when its name was taken meanwhile.
Task<bool> mark_undeleted(pg::Connection& connection, DatabaseId id);

// Whether another database has the name of this deleted one.
Task<bool> name_is_taken(pg::Connection& connection, DatabaseId id);

// Whether both clocks allow it. purge_after alone would follow a wall clock that jumps.
Task<bool> may_be_purged(pg::Pool& pool, DatabaseId id);
// Forgets a deleted one for ever; its slug is never used again.
Task<bool> forget(pg::Connection& connection, DatabaseId id);

// Bytes of its last sample; empty: there is none yet.
Task<std::optional<std::int64_t>> last_size(pg::Pool& pool, BranchId branch);

// The clock of elapsed time as it was left, locked; and putting it on.
Task<Elapsed> lock_elapsed(pg::Connection& connection);
Task<void> store_elapsed(pg::Connection& connection, Elapsed elapsed);

}  // namespace howdah::control::lifecycle_store
