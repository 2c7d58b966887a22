// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/programs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "os/file.h"

namespace howdah::cli {

Result<std::string> find_program(std::string_view name, std::string hint) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const os::Path candidate = os::Path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return fail(ErrorCode::unsupported, fmt::format("{} is not installed", name), std::move(hint));
}

}  // namespace howdah::cli
