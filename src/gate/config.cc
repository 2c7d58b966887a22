// SPDX-License-Identifier: Apache-2.0
#include "gate/config.h"

#include <fmt/format.h>

namespace howdah::gate {
namespace {

Result<bool> yes_or_no(const Flags& flags, std::string_view name) {
  const std::string value = flags.text(name, "no");
  if (value == "yes") return true;
  if (value == "no") return false;
  return fail(ErrorCode::config_invalid,
              fmt::format("flag --{} must be yes or no, not '{}'", name, value));
}

Result<std::uint16_t> port(const Flags& flags, std::string_view name, std::uint16_t fallback) {
  HOWDAH_TRY(const std::int64_t number, flags.integer(name, fallback, 0, 65535));
  return static_cast<std::uint16_t>(number);
}

}  // namespace

const std::vector<std::string_view>& gate_flags() {
  static const std::vector<std::string_view> flags{
      "data-dir",    "runtime-dir", "listen",   "direct-port",
      "pooled-port", "no-pooled",   "ready-fd", "plaintext-for-measurement"};
  return flags;
}

Result<GateConfig> read_config(const Flags& flags) {
  GateConfig config;
  HOWDAH_TRY(config.data_dir, flags.required("data-dir"));
  HOWDAH_TRY(config.runtime_dir, flags.required("runtime-dir"));
  config.listen_addresses = flags.list("listen", "127.0.0.1");
  if (config.listen_addresses.empty()) {
    return fail(ErrorCode::config_invalid, "flag --listen is empty");
  }
  HOWDAH_TRY(config.direct_port, port(flags, "direct-port", config.direct_port));
  HOWDAH_TRY(config.pooled_port, port(flags, "pooled-port", config.pooled_port));
  HOWDAH_TRY(const bool no_pooled, yes_or_no(flags, "no-pooled"));
  config.pooled = !no_pooled;
  HOWDAH_TRY(config.plaintext_for_measurement, yes_or_no(flags, "plaintext-for-measurement"));
  return config;
}

}  // namespace howdah::gate
