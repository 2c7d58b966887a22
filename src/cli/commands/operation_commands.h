// SPDX-License-Identifier: Apache-2.0
// Waiting for work that goes on behind its answer.
#pragma once
#include <chrono>
#include <functional>

#include "cli/context.h"

namespace howdah::cli {

// Asks for the operation until it is over and returns it. progress: is told each new percentage.
// Errors: timeout after limit; those of the API.
Result<boost::json::object> follow_operation(
    Context& context, const std::string& id, std::chrono::seconds limit,
    const std::function<void(std::int64_t)>& progress = {});

}  // namespace howdah::cli
