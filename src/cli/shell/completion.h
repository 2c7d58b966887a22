// SPDX-License-Identifier: Apache-2.0
// What may stand at the cursor of a half-typed command line, from the tree of commands. Pure: what
// only a running Howdah knows is named, not asked.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace howdah::cli {

struct Candidate {
  std::string value;
  std::string description;
};

// What else fits, from elsewhere. files: names of files.
enum class Elsewhere { nothing, files, databases, operations, keys };

struct Completion {
  std::vector<Candidate> candidates;
  Elsewhere elsewhere = Elsewhere::nothing;
  std::string prefix;                           // stands before each value: "--data-dir="
  std::map<std::string, std::string> settings;  // given on the line: {"data-dir", "/srv/h"}
};

// words: behind the program's name, the last is the one at the cursor (may be empty). Candidates
// are not filtered by it, except that flags are only offered where it begins with a dash.
Completion complete(const CLI::App& app, const std::vector<std::string>& words);

// The script that a shell loads: "bash", "zsh" or "fish".
std::string completion_script(const std::string& shell);

}  // namespace howdah::cli
