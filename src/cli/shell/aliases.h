// SPDX-License-Identifier: Apache-2.0
// The other names of this program: links to it that stand for one of its commands.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::cli {

struct Alias {
  std::string_view name;
  std::string_view command;  // what it stands for
  std::string_view alone;    // added where nothing follows
};
inline constexpr std::array kAliases{
    Alias{"pg-status", "status", ""},
    Alias{"pg-list-databases", "db list", ""},
    Alias{"pg-backup-control", "backup catalog", "create"},
};

// The words behind the program's name, with those that its name stands for in front.
std::vector<std::string> expand_alias(int argc, const char* const* argv);

}  // namespace howdah::cli
