// SPDX-License-Identifier: Apache-2.0
// howdah completion, howdah man, and the hidden __complete that the completion scripts ask.
#include "cli/commands/shell_commands.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "cli/command_line.h"
#include "cli/context.h"
#include "cli/shell/completion.h"
#include "cli/shell/manual.h"

namespace howdah::cli {
namespace {

constexpr suseconds_t kAskingLimit_us = 300'000;

std::string text_of(const boost::json::value& row, std::string_view field) {
  const auto* value = row.as_object().if_contains(field);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// One line of the answer; what would break the format or the terminal is left out.
void print_candidate(const Candidate& candidate) {
  for (const char c : candidate.value) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return;
  }
  std::string description;
  for (const char c : candidate.description) {
    description += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  }
  fmt::print("{}{}{}\n", candidate.value, description.empty() ? "" : "\t", description);
}

struct Source {
  const char* path;
  const char* value;
  const char* description;
};

Source source_of(Elsewhere elsewhere) {
  if (elsewhere == Elsewhere::operations) return {"/api/operations", "id", "kind"};
  if (elsewhere == Elsewhere::keys) return {"/api/keys", "id", "name"};
  return {"/api/databases", "friendly_name", "database_name"};
}

// Asks the running Howdah; whatever goes wrong, there are just no candidates.
void offer_elsewhere(const Completion& completion) {
  Context context;
  for (const auto& [name, value] : completion.settings) context.sources.flags[name] = value;
  if (!context.load()) return;
  context.quiet = true;
  const Source source = source_of(completion.elsewhere);
  const auto rows = context.list(source.path);
  if (!rows) return;
  for (const auto& row : *rows) {
    std::string value = text_of(row, source.value);
    // A name that is no single word is given by the other one.
    if (value.find_first_of(" \t'\"\\$`;&|<>()*?#~") != std::string::npos) {
      value = text_of(row, source.description);
    }
    print_candidate({completion.prefix + value, text_of(row, source.description)});
  }
}

Result<int> write_manual(const CLI::App& app, const std::string& folder) {
  const auto pages = manual_pages(app);
  if (folder.empty()) {
    fmt::print("{}", pages.front().text);
    return 0;
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail_errno("make " + folder, error.value());
  for (const ManualPage& page : pages) {
    HOWDAH_CHECK(os::write_file_atomic(os::Path(folder) / page.file, page.text, 0644));
  }
  return 0;
}

}  // namespace

int print_completion(const std::vector<std::string>& words) {
  Context context;
  CLI::App app;
  build_tree(app, context);
  const Completion completion = complete(app, words);
  for (const Candidate& candidate : completion.candidates) print_candidate(candidate);
  if (completion.elsewhere == Elsewhere::files) fmt::print(":files\n");
  std::fflush(stdout);
  if (completion.elsewhere == Elsewhere::nothing || completion.elsewhere == Elsewhere::files) {
    return 0;
  }
  // Whoever presses Tab does not wait: the alarm ends even a look-up of a host name.
  ::signal(SIGALRM, [](int) { ::_exit(0); });
  const itimerval limit{{}, {0, kAskingLimit_us}};
  ::setitimer(ITIMER_REAL, &limit, nullptr);
  offer_elsewhere(completion);
  std::fflush(stdout);
  return 0;
}

void add_shell_commands(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion =
      app.add_subcommand("completion", "Print the script that completes commands in a shell");
  completion->add_option("shell", *shell, "Which one")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  add_example(*completion, "source <(howdah completion bash)");
  add_example(*completion, "howdah completion fish | source");
  completion->callback([&context, shell] {
    context.needs_configuration = false;
    context.action = [shell]() -> Result<int> {
      fmt::print("{}", completion_script(*shell));
      return 0;
    };
  });
  auto folder = std::make_shared<std::string>();
  CLI::App* man = app.add_subcommand("man", "Print the manual page, or write all pages");
  man->add_option("--dir", *folder, "Write howdah.1 and the others there")->type_name("PATH");
  add_example(*man, "howdah man | man -l -");
  man->callback([&app, &context, folder] {
    context.needs_configuration = false;
    context.action = [&app, folder] { return write_manual(app, *folder); };
  });
}

}  // namespace howdah::cli
