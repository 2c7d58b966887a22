// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/tree.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "cli/context.h"

namespace howdah::cli {
namespace {

constexpr std::string_view kExamplesHead = "Examples:";

bool is_shown(const CLI::Option& option) {
  return !option.get_group().empty();
}

}  // namespace

std::vector<const CLI::App*> subcommands_of(const CLI::App& command) {
  return command.get_subcommands(
      [](const CLI::App* sub) { return !sub->get_group().empty() && !sub->get_name().empty(); });
}

std::string path_of(const CLI::App& command) {
  if (command.get_parent() == nullptr) return command.get_name();
  return path_of(*command.get_parent()) + " " + command.get_name();
}

std::vector<const CLI::Option*> flags_of(const CLI::App& command, bool inherited) {
  auto flags = command.get_options(
      [](const CLI::Option* option) { return is_shown(*option) && !option->get_positional(); });
  if (!inherited || command.get_parent() == nullptr) return flags;
  for (const CLI::Option* option : flags_of(*command.get_parent(), true)) {
    const bool own = std::ranges::any_of(
        flags, [&](const CLI::Option* flag) { return flag->get_lnames() == option->get_lnames(); });
    const bool is_version = option->check_lname("version");
    if (!own && !is_version) flags.push_back(option);
  }
  return flags;
}

std::vector<const CLI::Option*> arguments_of(const CLI::App& command) {
  return command.get_options(
      [](const CLI::Option* option) { return is_shown(*option) && option->get_positional(); });
}

std::vector<std::string> names_of(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> choices_of(const CLI::Option& option) {
  // CLI::IsMember shows its set as "{a,b}" in the type's name; nothing else tells it.
  const std::string type = option.get_type_name();
  const std::size_t begin = type.rfind('{');
  const std::size_t end = type.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos) return {};
  std::vector<std::string> choices;
  std::istringstream in(type.substr(begin + 1, end - begin - 1));
  for (std::string choice; std::getline(in, choice, ',');) choices.push_back(choice);
  return choices;
}

std::string value_of(const CLI::Option& option) {
  if (option.get_expected_max() == 0) return {};
  const auto choices = choices_of(option);
  if (!choices.empty()) return CLI::detail::join(choices, "|");
  const std::string type = option.get_type_name();
  if (type.starts_with("INT") || type.starts_with("UINT")) return "N";
  return type.substr(0, type.find(':'));
}

std::vector<std::string> examples_of(const CLI::App& command) {
  std::vector<std::string> lines;
  std::istringstream in(command.get_footer());
  bool begun = false;
  for (std::string line; std::getline(in, line);) {
    if (begun && line.starts_with("  ")) lines.push_back(line.substr(2));
    if (line == kExamplesHead) begun = true;
  }
  return lines;
}

void add_example(CLI::App& command, std::string_view line) {
  std::string footer = command.get_footer();
  if (footer.empty()) footer = kExamplesHead;
  command.footer(footer + "\n  " + std::string(line));
}

}  // namespace howdah::cli
