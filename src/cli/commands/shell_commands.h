// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

namespace howdah::cli {

// The hidden command that completion scripts run: `howdah __complete -- WORDS...`, the last word
// being the one at the cursor. Prints candidates as "value<tab>description" lines, ":files" where
// names of files fit. Waits for a running Howdah at most 300 ms. Returns: the exit code, 0.
inline constexpr const char* kCompleteCommand = "__complete";
int print_completion(const std::vector<std::string>& words);

}  // namespace howdah::cli
