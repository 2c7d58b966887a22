// SPDX-License-Identifier: Apache-2.0
// Configuration files: TOML, one "name = value" line for each setting, no tables. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/settings/settings.h"

namespace howdah::cli {

struct FileEntry {
  const Setting* setting;
  std::string text;
  std::size_t line;  // from 1
};

// file: its name, for messages ("FILE:LINE: ..."). Errors: config_invalid for what is no TOML, an
// unknown setting (with the nearest name), a wrong value, a setting that is given twice.
Result<std::vector<FileEntry>> parse_config(std::string_view text, const std::string& file);

// The text with the setting changed in its line, or added; everything else stays as it is, comments
// too. The value must be valid. An empty `value` takes the line out.
// Errors: those of parse_config; unsupported where the old value goes over several lines.
Result<std::string> edit_config(std::string_view text, const std::string& file,
                                const Setting& setting, std::string_view value);

}  // namespace howdah::cli
