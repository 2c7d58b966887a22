// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/aliases.h"

#include <algorithm>
#include <sstream>

namespace howdah::cli {

std::vector<std::string> expand_alias(int argc, const char* const* argv) {
  std::vector<std::string> words;
  std::string_view program = argc > 0 ? argv[0] : "";
  program.remove_prefix(program.rfind('/') == std::string_view::npos ? 0 : program.rfind('/') + 1);
  const auto alias = std::ranges::find(kAliases, program, &Alias::name);
  if (alias != kAliases.end()) {
    std::istringstream in{std::string(alias->command)};
    for (std::string word; in >> word;) words.push_back(word);
    // A flag for the alias is one for what it does by itself.
    const bool has_command = argc > 1 && argv[1][0] != '-';
    if (!alias->alone.empty() && !has_command) words.emplace_back(alias->alone);
  }
  for (int i = 1; i < argc; ++i) words.emplace_back(argv[i]);
  return words;
}

}  // namespace howdah::cli
