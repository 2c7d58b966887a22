// SPDX-License-Identifier: Apache-2.0
// Flags of the daemons: "--name value" or "--name=value" only, since `howdah up` and systemd are
// their callers. The CLI for people uses CLI11.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace howdah {

class Flags {
 public:
  // allowed: names without dashes. Errors: config_invalid for anything else, naming it.
  static Result<Flags> parse(int argc, const char* const* argv,
                             const std::vector<std::string_view>& allowed);

  std::optional<std::string> find(std::string_view name) const;
  std::string text(std::string_view name, std::string_view fallback) const;
  // "a,b" -> {"a","b"}; empty parts are left out.
  std::vector<std::string> list(std::string_view name, std::string_view fallback) const;
  // Errors: config_invalid when missing or empty.
  Result<std::string> required(std::string_view name) const;
  // Errors: config_invalid when it is no whole number in [min, max].
  Result<std::int64_t> integer(std::string_view name, std::int64_t fallback, std::int64_t min,
                               std::int64_t max) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

// Tells the supervisor through the descriptor of --ready-fd that everything serves: one line
// "READY <json>\n", then closes it. Without the flag nothing happens.
Result<void> announce_ready(const Flags& flags, std::string_view json);

}  // namespace howdah
