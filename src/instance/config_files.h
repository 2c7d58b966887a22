// SPDX-License-Identifier: Apache-2.0
// The three configuration files of an instance. They are generated whole before every start and
// live beside the data directory, so a clone or a restored backup never brings settings along, and
// the instance's own user can read but not change them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "instance/place.h"
#include "instance/size_class.h"
#include "os/process.h"

namespace howdah::instance {

struct InstanceConfig {
  int pg_major = 0;
  SizeClass size_class = SizeClass::nano;
  std::int64_t max_connections = 20;  // of clients; see server_connections()
  std::vector<Setting> settings;      // the user's own, checked by the caller
  // New transactions may only read unless they say otherwise: its storage limit is reached.
  bool read_only = false;
  // OS users that may log in as howdah_admin and howdah_monitor: "root" and "howdah", or the
  // caller's without root.
  std::vector<std::string> platform_users;
  // OS users that may log in as every other role: "howdah-gate" and the agent's own (it makes the
  // probe logins), or the caller's without root.
  std::vector<std::string> gate_users;
  // Login roles, for 13 to 15 only, whose pg_ident.conf knows no `all`: a role that is not listed
  // cannot log in. Ignored from 16 on.
  std::vector<std::string> roles;
};

// Errors: invalid_request for a setting whose name cannot be one.
Result<std::string> postgresql_conf(const InstancePlace& place, const InstanceConfig& config);
std::string pg_hba_conf();
// Errors: invalid_request for a name that the file cannot hold (line break, NUL, leading '/').
Result<std::string> pg_ident_conf(const InstanceConfig& config);

// Writes all three into place.config(), readable for the group of `reader` only (nobody else when
// empty). Not made durable: they are written again at the next start.
Result<void> write_config(const InstancePlace& place, const InstanceConfig& config,
                          std::optional<os::UserIds> reader);

}  // namespace howdah::instance
