// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/setting_options.h"

#include <fmt/format.h>

namespace howdah::cli {

Result<boost::json::object> read_settings(const std::vector<std::string>& texts) {
  boost::json::object settings;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail(ErrorCode::invalid_request, fmt::format("'{}' is no setting", text),
                  "give it as --set work_mem=64MB");
    }
    settings[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return settings;
}

}  // namespace howdah::cli
