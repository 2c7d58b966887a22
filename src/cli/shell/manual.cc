// SPDX-License-Identifier: Apache-2.0
#include "cli/shell/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/settings/settings.h"
#include "cli/shell/aliases.h"
#include "cli/shell/tree.h"

namespace howdah::cli {
namespace {

// As roff shows the text: backslashes and dashes are its own, a dot or quote at the front a
// request.
std::string plain(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\') {
      safe += "\\e";
    } else if (c == '-') {
      safe += "\\-";
    } else if ((c == '.' || c == '\'') && (safe.empty() || safe.back() == '\n')) {
      safe += std::string("\\&") + c;
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string head(const std::string& name, const std::string& title) {
  std::string upper = name;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  // No date: the same source makes the same page.
  return fmt::format(".TH {} 1 \"\" \"howdah {}\" \"Howdah\"\n.SH NAME\n{} \\- {}\n", plain(upper),
                     HOWDAH_VERSION, plain(name), plain(title));
}

std::string tagged(const std::string& tag, const std::string& text) {
  return fmt::format(".TP\n{}\n{}\n", tag, plain(text));
}

std::string option_text(const CLI::Option& option) {
  std::string tag;
  for (const std::string& name : names_of(option)) {
    tag += fmt::format("{}\\fB{}\\fR", tag.empty() ? "" : ", ", plain(name));
  }
  if (tag.empty()) tag = fmt::format("\\fI{}\\fR", plain(option.get_name(true)));
  const std::string value = names_of(option).empty() ? "" : value_of(option);
  if (!value.empty()) tag += fmt::format(" \\fI{}\\fR", plain(value));
  std::string text = option.get_description();
  if (!option.get_default_str().empty()) text += " [" + option.get_default_str() + "]";
  const Setting* setting =
      option.get_lnames().empty() ? nullptr : find_setting(option.get_lnames().front());
  if (setting != nullptr) text += fmt::format(" ({})", setting->variable);
  return tagged(tag, text + ".");
}

std::string synopsis(const CLI::App& command) {
  std::string line = fmt::format("\\fB{}\\fR", plain(path_of(command)));
  if (!flags_of(command, false).empty()) line += " [\\fIOPTIONS\\fR]";
  for (const CLI::Option* argument : arguments_of(command)) {
    const std::string name = fmt::format("\\fI{}\\fR", plain(argument->get_name(true)));
    line += argument->get_required() ? " " + name : " [" + name + "]";
  }
  if (!subcommands_of(command).empty()) line += " \\fICOMMAND\\fR";
  return line + "\n";
}

// The command and those below it, each with what it takes.
std::string details(const CLI::App& command) {
  std::string text = fmt::format(".SS {}\n{}.PP\n{}.\n", plain(path_of(command)), synopsis(command),
                                 plain(command.get_description()));
  for (const CLI::Option* argument : arguments_of(command)) text += option_text(*argument);
  for (const CLI::Option* flag : flags_of(command, false)) text += option_text(*flag);
  for (const std::string& example : examples_of(command)) {
    text += fmt::format(".PP\n.nf\n    {}\n.fi\n", plain(example));
  }
  for (const CLI::App* sub : subcommands_of(command)) text += details(*sub);
  return text;
}

ManualPage command_page(const CLI::App& command) {
  const std::string name = "howdah-" + command.get_name();
  std::string text = head(name, command.get_description());
  text += ".SH SYNOPSIS\n" + synopsis(command);
  text += ".SH DESCRIPTION\n" + details(command);
  text += ".SH SEE ALSO\n.BR howdah (1)\n";
  return {name + ".1", text};
}

std::string settings_text() {
  std::string text =
      ".SH SETTINGS\nThe first of these that says something counts: a flag, the environment, the "
      "nearest\n.I .howdah\nfile at or above the current folder, the user's file, the machine's "
      "file, the default.\n.B howdah config show \\-\\-origin\nshows all with their origin.\n";
  for (const Setting& setting : all_settings()) {
    std::string doc = fmt::format("{}; variable {}", setting.doc, setting.variable);
    if (!setting.older_variable.empty()) {
      doc += fmt::format(", for 'howdah up' also {}", setting.older_variable);
    }
    if (!setting.fallback.empty()) doc += fmt::format(" [{}]", setting.fallback);
    text += tagged(fmt::format("\\fB{}\\fR", plain(setting.name)), doc + ".");
  }
  return text;
}

std::string files_text() {
  std::string text = ".SH FILES\n";
  text += tagged("\\fI.howdah\\fR", "What 'howdah link' chose, for a folder and those below it.");
  text += tagged("\\fI~/.config/howdah/howdah.toml\\fR", "The user's settings.");
  text += tagged("\\fI/etc/howdah/howdah.toml\\fR",
                 "The machine's settings; HOWDAH_SYSTEM_CONFIG names another file.");
  text += tagged("\\fI/var/lib/howdah\\fR, \\fI~/.local/share/howdah\\fR",
                 "The data folder, as root and otherwise.");
  return text;
}

std::string exit_text() {
  constexpr std::array<std::pair<int, const char*>, 12> kCodes{{
      {0, "done"},
      {1, "it failed"},
      {2, "wrong usage or wrong values"},
      {3, "not found"},
      {4, "conflict with something else"},
      {5, "not allowed"},
      {6, "doctor has findings"},
      {7, "not supported here"},
      {69, "no Howdah answers"},
      {75, "try again later"},
      {78, "the configuration is wrong"},
      {130, "interrupted"},
  }};
  std::string text = ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kCodes) {
    text += tagged(fmt::format("\\fB{}\\fR", code), std::string(meaning) + ".");
  }
  return text;
}

ManualPage main_page(const CLI::App& app) {
  std::string text = head("howdah", "a Postgres cloud on your own machine");
  text += ".SH SYNOPSIS\n" + synopsis(app);
  text +=
      ".SH DESCRIPTION\nGives every project a PostgreSQL instance of its own, by one command, on "
      "this machine or another.\nData goes to standard output, talk to standard error.\n";
  text += ".SH COMMANDS\n";
  for (const CLI::App* sub : subcommands_of(app)) {
    text += tagged(fmt::format("\\fBhowdah\\-{}\\fR(1)", plain(sub->get_name())),
                   sub->get_description() + ".");
  }
  text += ".SH OPTIONS\nThey may stand behind a command, too.\n";
  for (const CLI::Option* flag : flags_of(app, false)) text += option_text(*flag);
  text += settings_text() + files_text() + exit_text();
  text += ".SH OTHER NAMES\n";
  for (const Alias& alias : kAliases) {
    text += tagged(
        fmt::format("\\fB{}\\fR", plain(alias.name)),
        fmt::format("howdah {}{}{}.", alias.command, alias.alone.empty() ? "" : " ", alias.alone));
  }
  return {"howdah.1", text};
}

}  // namespace

std::vector<ManualPage> manual_pages(const CLI::App& app) {
  std::vector<ManualPage> pages{main_page(app)};
  for (const CLI::App* sub : subcommands_of(app)) pages.push_back(command_page(*sub));
  return pages;
}

}  // namespace howdah::cli
