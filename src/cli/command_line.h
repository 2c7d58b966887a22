// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace CLI {
class App;
}

namespace howdah::cli {

class Context;

// The `howdah` program: parses the command line, runs the command. Returns its exit code.
int run_command_line(int argc, const char* const* argv);

// The whole tree of commands. context: must outlive app.
void build_tree(CLI::App& app, Context& context);

}  // namespace howdah::cli
