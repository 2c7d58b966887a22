// SPDX-License-Identifier: Apache-2.0
// Samples of databases: asked from instances, kept in the catalog.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/units.h"
#include "pg/pool.h"

namespace howdah::control::stats_store {

struct Sample {
  Timestamp at;
  ByteCount size_bytes = 0;  // of the logical database tenant_<slug>
  std::int64_t active_connections = 0;
  boost::json::object details = {};
  // Every logical database but the templates, by name: {"name","owner","size_bytes","encoding",
  // "collation","connections"}. At most kLogicalDatabasesMax. Only the last sample's are kept.
  boost::json::array logical_databases = {};
};
inline constexpr std::int64_t kLogicalDatabasesMax = 1'000;

// Asks the instance over its private socket, with the platform's own identity. Reads counters only,
// and calls nothing that a tenant can define. Cost: one connection, two statements.
// Errors: unavailable, timeout (2 s).
Task<Sample> ask(std::string socket_directory, std::string slug);

struct BranchOfDatabase {
  DatabaseId database_id;
  BranchId branch_id;
  InstanceId instance_id;
  std::string slug;
};
// Active ones with an instance.
Task<std::vector<BranchOfDatabase>> branches(pg::Pool& pool);

Task<void> save(pg::Pool& pool, BranchOfDatabase branch, Sample sample);
Task<std::optional<Sample>> last(pg::Pool& pool, BranchId branch);
struct LogicalDatabases {
  std::optional<Timestamp> at;  // empty: never looked at
  boost::json::array list;
};
Task<LogicalDatabases> logical_databases(pg::Pool& pool, BranchId branch);
// Returns how many went.
Task<std::int64_t> prune(pg::Pool& pool, std::chrono::days keep);

}  // namespace howdah::control::stats_store
