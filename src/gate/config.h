// SPDX-License-Identifier: Apache-2.0
// What the command line of howdah-gate says.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/flags.h"
#include "model/bucket_table.h"
#include "os/file.h"

namespace howdah::gate {

struct GateConfig {
  os::Path data_dir;
  os::Path runtime_dir;
  std::vector<std::string> listen_addresses{"127.0.0.1"};  // all with the same ports
  std::uint16_t direct_port = 5432;                        // 0: a free one
  std::uint16_t pooled_port = 6432;                        // 0: a free one
  bool pooled = true;
  bool plaintext_for_measurement = false;

  // No flags: tests change them.
  std::size_t handshakes_max = 2'000;
  Rate failures{10, 1'000};  // that an address may fail to log in, before it is slowed down
  std::chrono::milliseconds authentication_max{10'000};
  std::chrono::milliseconds login_max{30'000};
  std::chrono::milliseconds certificate_look_interval{60'000};
  std::chrono::milliseconds password_look_interval{500};

  os::Path own_directory() const { return data_dir / "gate"; }
  os::Path tls_directory() const { return data_dir / "tls"; }
};

// For Flags::parse.
const std::vector<std::string_view>& gate_flags();
// Errors: config_invalid.
Result<GateConfig> read_config(const Flags& flags);

}  // namespace howdah::gate
