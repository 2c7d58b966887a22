// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace howdah::cli {

// The `howdah` program: parses the command line, runs the command. Returns its exit code.
int run_command_line(int argc, const char* const* argv);

}  // namespace howdah::cli
