// SPDX-License-Identifier: Apache-2.0
// How much of the machine an instance may use, as PostgreSQL settings. The numbers are measured:
// docs/adr/2026-11-20-initdb-and-size-classes.md.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/control_groups.h"

namespace howdah::instance {

// custom: the settings of `small`, changed by settings of the user's own.
enum class SizeClass { nano, small, medium, large, custom };

std::string_view to_string(SizeClass size_class);
Result<SizeClass> parse_size_class(std::string_view text);  // Errors: invalid_request
SizeClass default_size_class(ByteCount machine_memory_bytes);

// What an instance of the class takes when it is in use: it is started where at least this is free.
// Idle it takes a fraction (5 MB of the 32 MB of nano).
ByteCount expected_memory(SizeClass size_class);

// What its processes may take together at most, and its weight where CPUs and disks are short.
// The memory is far above expected_memory(): a limit that is reached ends a session, and pages of
// files count too, though they are given back first. connections: see server_connections().
// tuned: settings of a user's own, which may need more than the class's.
os::GroupLimits group_limits(SizeClass size_class, std::int64_t connections, bool tuned);

struct Setting {
  std::string name;
  std::string value;  // as SHOW prints it; quoted when it is written
};

// Server connections kept for the platform beside those of clients: gate reconnects, jobs, stats.
inline constexpr std::int64_t kConnectionReserve = 8;

// The max_connections setting of an instance whose clients may hold `max_connections` (the limit
// itself is kept at the gate). Never below the size class's own, so that small raises need no
// restart.
std::int64_t server_connections(SizeClass size_class, std::int64_t max_connections);

// How far pg_wal grows under load (max_wal_size); a burst takes it further for a while.
ByteCount wal_bytes(SizeClass size_class);

// The settings of a class for one major: memory, processes, WAL.
std::vector<Setting> size_settings(SizeClass size_class, std::int64_t max_connections,
                                   int pg_major);

}  // namespace howdah::instance
