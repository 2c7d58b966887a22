// SPDX-License-Identifier: Apache-2.0
// Programs that commands run in front of their user.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"

namespace howdah::cli {

// In the folders of $PATH. Errors: unsupported, with what to do.
Result<std::string> find_program(std::string_view name, std::string hint);

}  // namespace howdah::cli
