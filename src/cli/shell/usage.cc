// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/shell/nearest.h"
#include "cli/shell/tree.h"

namespace howdah::cli {
namespace {

constexpr int kExitUsage = 2;

// The last command of the line that was understood.
const CLI::App& chosen(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : chosen(*parsed.front());
}

std::vector<std::string> command_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::App* sub : subcommands_of(command)) names.push_back(sub->get_name());
  return names;
}

std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* flag : flags_of(command, true)) {
    for (const std::string& name : names_of(*flag)) {
      if (name.starts_with("--")) names.push_back(name);
    }
  }
  return names;
}

int refuse(std::string_view what, std::string_view advice) {
  fmt::print(stderr, "howdah: {}\n  what to do: {}\n", what, advice);
  return kExitUsage;
}

int refuse_word(const CLI::App& command, const std::string& word) {
  const std::string path = path_of(command);
  const bool is_flag = word.starts_with("-") && word.size() > 1;
  const std::string name = word.substr(0, word.find('='));
  const auto known = is_flag ? flag_names(command) : command_names(command);
  const std::string meant = nearest(name, known);
  const std::string advice = meant.empty() ? fmt::format("see '{} --help'", path)
                                           : fmt::format("did you mean '{}'?", meant);
  if (is_flag) return refuse(fmt::format("{} has no flag '{}'", path, name), advice);
  if (known.empty()) return refuse(fmt::format("'{}' is one word too many", word), advice);
  return refuse(command.get_parent() == nullptr ? fmt::format("there is no command '{}'", word)
                                                : fmt::format("{} has no command '{}'", path, word),
                advice);
}

// The first word that no command or flag took.
std::string first_left(const CLI::App& app) {
  for (const std::string& word : app.remaining(true)) {
    if (word != "--") return word;
  }
  return {};
}

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kNameColumns); }

  std::string make_usage(const CLI::App* app, std::string /*name*/) const override {
    return CLI::Formatter::make_usage(app, path_of(*app));
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string value = value_of(*option);
    std::string text = value.empty() ? "" : " " + value;
    if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
    return text;
  }

 private:
  static constexpr std::size_t kNameColumns = 34;
};

}  // namespace

void set_help_style(CLI::App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
}

int report_usage(CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) return app.exit(error);
  const CLI::App& command = chosen(app);
  const std::string word = first_left(app);
  const bool stopped_at_word =
      error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError) ||
      error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  if (stopped_at_word && !word.empty()) return refuse_word(command, word);
  if (!subcommands_of(command).empty() && command.get_subcommands().empty() && stopped_at_word) {
    // A noun alone: what can be done with it.
    fmt::print(stderr, "{}", command.help());
    return kExitUsage;
  }
  return refuse(error.what(), fmt::format("see '{} --help'", path_of(command)));
}

int show_help(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  for (const std::string& word : words) {
    const auto subs = subcommands_of(*command);
    const auto found =
        std::ranges::find(subs, word, [](const CLI::App* s) { return s->get_name(); });
    if (found == subs.end()) return refuse_word(*command, word);
    command = *found;
  }
  fmt::print("{}", command->help());
  return 0;
}

}  // namespace howdah::cli
