// SPDX-License-Identifier: Apache-2.0
// What is printed about the command line itself: its faults and its help.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace howdah::cli {

// What is wrong with the command line that `app` has just refused, and what to do. To standard
// error; help and version, which also come as such an error, to standard output.
// Returns: the exit code.
int report_usage(CLI::App& app, const CLI::ParseError& error);

// How help looks, for the app and what is added to it from now on.
void set_help_style(CLI::App& app);

// The help of the command that the words name. Errors as report_usage(). Returns: the exit code.
int show_help(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace howdah::cli
