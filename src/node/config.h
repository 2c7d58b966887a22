// SPDX-License-Identifier: Apache-2.0
// The agent's settings, from its flags. They are fixed for the life of the process.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/flags.h"
#include "base/units.h"
#include "os/file.h"
#include "os/memory.h"
#include "os/sandbox.h"
#include "volume/volume.h"

namespace howdah::node {

using VolumeChoice = volume::Driver;

struct Config {
  os::Path data_dir;     // absolute
  os::Path runtime_dir;  // absolute and short: socket paths may have 107 bytes
  // Without root both are ignored: everything runs as the caller.
  std::string control_user = "howdah";
  std::string gate_user = "howdah-gate";
  // Beside those where the system's packages put PostgreSQL.
  std::vector<os::Path> postgres_dirs;
  VolumeChoice volume = VolumeChoice::automatic;
  ByteCount volume_size = 0;  // 0: from the free space
  std::int64_t spares = 3;    // kept ready of the default major version
  // Where leases of user ids are kept for the whole host. No flag: one host has one.
  os::Path uid_lease_file = "/var/lib/howdah-uids.json";
  // How long adopted instances stay awake: their holders need time to find the new agent.
  std::chrono::milliseconds adoption_grace{60'000};
  // No flag: tests have a machine of their own.
  std::function<Result<os::MemoryInfo>()> memory = [] { return os::memory_info(); };
  os::SandboxMode sandbox = os::SandboxMode::automatic;
  // No flag: set where no agent is to run, which needs no room on the disk (standalone.h).
  bool standalone = false;
  // Off only to show what happens without: tests/chaos, T11.
  bool disk_guard = true;
  std::string size_class;  // of a claim that names none; empty: from the machine's memory
};

inline constexpr std::int64_t kSparesMax = 64;

// For Flags::parse.
std::vector<std::string_view> config_flag_names();
// Errors: config_invalid naming the flag.
Result<Config> config_from_flags(const Flags& flags);

}  // namespace howdah::node
