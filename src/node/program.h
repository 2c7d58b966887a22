// SPDX-License-Identifier: Apache-2.0
// The program howdah-node, for its main().
#pragma once

namespace howdah::node {

// Returns: the exit code. SIGTERM and SIGINT end the agent and leave every instance running;
// POST /v1/shutdown ends it after stopping them all.
int run_program(int argc, const char* const* argv);

}  // namespace howdah::node
