// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/context.h"

namespace howdah::cli {

void add_doctor_command(CLI::App& app, Context& context);

}  // namespace howdah::cli
