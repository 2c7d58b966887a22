// SPDX-License-Identifier: Apache-2.0
// Whom the platform enters a server as, and with which settings: the only place outside of tests
// that fills ConnectOptions (tools/sizes.py refuses others).
//
// The owner of a logical database may attach settings to it (ALTER DATABASE ... SET) which each
// session there begins with, the superuser's too: a role, a read-only default, a timeout, a library
// to load. None of them reaches a session of the platform: what could do harm while it begins is
// said with the connection, which counts for more; then whatever else is attached is set back.
#pragma once
#include <string>
#include <string_view>

#include "pg/connection.h"

namespace howdah::pg {

inline constexpr std::string_view kAdminRole = "howdah_admin";      // superuser of every server
inline constexpr std::string_view kMonitorRole = "howdah_monitor";  // sees sizes and counters only

struct PlatformSession {
  std::string socket_directory;
  std::string database = "postgres";  // the platform's; any other is somebody's
  std::string application_name = "howdah";
};

// As the superuser. Its statements are not in the server's log, whatever its owner has that log.
ConnectOptions admin_session(PlatformSession session);
// As the role that can read no row and no statement of anybody. Only in `postgres`.
ConnectOptions monitor_session(PlatformSession session);
// As one of a tenant's roles: to see whether it may log in.
ConnectOptions role_session(PlatformSession session, std::string role);

}  // namespace howdah::pg
