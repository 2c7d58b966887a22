// SPDX-License-Identifier: Apache-2.0
// Settings of PostgreSQL as the command line takes them.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace howdah::cli {

// "work_mem=64MB" each, as the API wants them: {"work_mem":"64MB"}; the last one of a name counts.
// Errors: invalid_request.
Result<boost::json::object> read_settings(const std::vector<std::string>& texts);

}  // namespace howdah::cli
