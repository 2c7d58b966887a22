// SPDX-License-Identifier: Apache-2.0
// Where one instance lives. Nothing here touches the disk.
#pragma once
#include <string>
#include <string_view>

#include "os/file.h"
#include "pg/platform_session.h"

namespace howdah::instance {

inline constexpr int kPort = 5432;  // names the socket only: nothing listens on TCP
using pg::kAdminRole;               // superuser in every instance
using pg::kMonitorRole;

// The socket directory must be short: PostgreSQL refuses socket paths over 107 bytes.
struct InstancePlace {
  os::Path directory;         // "<volume>/instances/<id>": data/ and what stands beside it
  os::Path socket_directory;  // "<runtime folder>/i/<id>"

  os::Path data() const { return directory / "data"; }         // PGDATA
  os::Path config() const { return directory / "config"; }     // generated at every start
  os::Path lock() const { return directory / "lock"; }         // flock: one postmaster
  os::Path log() const { return directory / "postgres.log"; }  // the server's stderr
};

// Of its control group.
inline std::string sandbox_name(const InstancePlace& place) {
  return place.directory.filename().string();
}

}  // namespace howdah::instance
