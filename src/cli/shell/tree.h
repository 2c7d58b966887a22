// SPDX-License-Identifier: Apache-2.0
// The tree of commands, as help, completion and man pages read it.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace howdah::cli {

// Commands that are shown, in their order; hidden ones (an empty group) are not among them.
std::vector<const CLI::App*> subcommands_of(const CLI::App& command);
// "howdah db create".
std::string path_of(const CLI::App& command);
// Flags that are shown: of the command itself and, with inherited, of those above it.
std::vector<const CLI::Option*> flags_of(const CLI::App& command, bool inherited);
std::vector<const CLI::Option*> arguments_of(const CLI::App& command);
// "-o, --output", and "table|json|yaml" or "N" or so; empty for a switch.
std::vector<std::string> names_of(const CLI::Option& option);
std::string value_of(const CLI::Option& option);
// The words that the option takes, where there are only some.
std::vector<std::string> choices_of(const CLI::Option& option);
// The lines given by add_example().
std::vector<std::string> examples_of(const CLI::App& command);

}  // namespace howdah::cli
