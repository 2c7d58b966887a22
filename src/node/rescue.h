// SPDX-License-Identifier: Apache-2.0
// What `howdah-node` does for the command line when there need not be an agent:
//   --rescue NAME   serves one instance on a private socket until standard input ends
//   --rescue ""     lists the instances of the folder
//   --export NAME   copies an instance out as a plain data directory (export.h)
// It answers through --ready-fd with one line: what there is, or {"error": {...}}.
#pragma once
#include <boost/asio/io_context.hpp>

#include "net/task.h"

#include "base/flags.h"
#include "node/config.h"

namespace howdah::node {

// Flags of these ways, beside those of the agent.
std::vector<std::string_view> rescue_flag_names();
bool is_rescue(const Flags& flags);
// Errors have been told through --ready-fd as well.
Result<void> run_rescue(asio::io_context& io, Flags flags, Config config);

}  // namespace howdah::node
