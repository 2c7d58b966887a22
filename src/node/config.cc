// SPDX-License-Identifier: Apache-2.0
#include "node/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace howdah::node {
namespace {

// Below this a volume cannot hold a template, a few instances and their room to grow.
constexpr std::int64_t kVolumeSizeMin = 256 << 20;
constexpr std::size_t kPostgresDirsMax = 64;

Result<os::Path> absolute_path(const Flags& flags, std::string_view name) {
  HOWDAH_TRY(const std::string text, flags.required(name));
  const os::Path path(text);
  if (!path.is_absolute()) {
    return fail(ErrorCode::config_invalid,
                fmt::format("flag --{} must be an absolute path, not '{}'", name, text));
  }
  return path.lexically_normal();
}

// "/a:/b", as in $PATH.
Result<std::vector<os::Path>> absolute_paths(const Flags& flags, std::string_view name) {
  std::vector<os::Path> paths;
  const std::string text = flags.text(name, "");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const os::Path path = text.substr(begin, end - begin);
    begin = end + 1;
    if (path.empty()) continue;
    if (!path.is_absolute()) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("flag --{} must hold absolute paths, not '{}'", name, path.string()));
    }
    paths.push_back(path.lexically_normal());
  }
  if (paths.size() > kPostgresDirsMax) {
    return fail(ErrorCode::config_invalid,
                fmt::format("flag --{} holds more than {} folders", name, kPostgresDirsMax));
  }
  return paths;
}

Result<VolumeChoice> volume_choice(const std::string& text) {
  auto choice = volume::parse_driver(text);
  if (choice) return choice;
  return fail(ErrorCode::config_invalid, "flag --volume-driver: " + choice.error().message);
}

}  // namespace

std::vector<std::string_view> config_flag_names() {
  return {"data-dir",      "runtime-dir", "control-user", "gate-user",  "postgres-dir",
          "volume-driver", "volume-size", "spares",       "size-class", "sandbox",
          "ready-fd",      "log-level",   "disk-guard"};
}

Result<Config> config_from_flags(const Flags& flags) {
  Config config;
  HOWDAH_TRY(config.data_dir, absolute_path(flags, "data-dir"));
  HOWDAH_TRY(config.runtime_dir, absolute_path(flags, "runtime-dir"));
  config.control_user = flags.text("control-user", config.control_user);
  config.gate_user = flags.text("gate-user", config.gate_user);
  HOWDAH_TRY(config.postgres_dirs, absolute_paths(flags, "postgres-dir"));
  config.size_class = flags.text("size-class", "");
  auto sandbox = os::parse_sandbox_mode(flags.text("sandbox", "auto"));
  if (!sandbox) {
    return fail(ErrorCode::config_invalid, "flag --sandbox: " + sandbox.error().message,
                sandbox.error().hint);
  }
  config.sandbox = *sandbox;
  config.disk_guard = flags.text("disk-guard", "on") != "off";
  HOWDAH_TRY(config.volume, volume_choice(flags.text("volume-driver", "auto")));
  HOWDAH_TRY(config.spares, flags.integer("spares", config.spares, 0, kSparesMax));
  HOWDAH_TRY(
      const std::int64_t volume_size,
      flags.integer("volume-size", 0, kVolumeSizeMin, std::numeric_limits<std::int64_t>::max()));
  config.volume_size = static_cast<ByteCount>(volume_size);
  return config;
}

}  // namespace howdah::node
