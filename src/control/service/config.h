// SPDX-License-Identifier: Apache-2.0
// What howdahd is told at its start.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/flags.h"
#include "control/limits/rate_limits.h"
#include "os/file.h"

namespace howdah::control {

struct Config {
  os::Path data_dir;
  os::Path runtime_dir;
  std::vector<std::string> listen{"127.0.0.1"};  // addresses of the HTTP API
  std::uint16_t http_port = 3000;
  std::uint16_t direct_port = 5432;  // of the gate: for URLs only
  std::uint16_t pooled_port = 6432;
  std::string public_host;  // empty: see host()
  std::string domain;
  std::string environment = "production";
  std::optional<uid_t> owner_uid;  // who ran `howdah up`: trusted on the control socket
  os::Path preset_key_file;        // empty: none
  RateLimitConfig rate_limits;

  static const std::vector<std::string_view>& flag_names();
  // Errors: config_invalid.
  static Result<Config> from_flags(const Flags& flags);

  // HOST in URLs: --public-host, else --domain, else "localhost".
  std::string host() const;
  // Everything a client may call this machine: what the server certificate must name.
  std::vector<std::string> certificate_hosts() const;
  // Whether HTTP at host() is plain: on loopback addresses it is, everywhere else it is TLS.
  bool host_speaks_plain() const;
  // A name that browsers may remember as one of TLS only.
  bool has_real_domain() const;
};

}  // namespace howdah::control
