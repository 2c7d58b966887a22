// SPDX-License-Identifier: Apache-2.0
// Man pages from the tree of commands. Pure.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace howdah::cli {

struct ManualPage {
  std::string file;  // "howdah-db.1"
  std::string text;  // roff, man macros
};
// howdah(1), and one page for each command of the first level.
std::vector<ManualPage> manual_pages(const CLI::App& app);

}  // namespace howdah::cli
