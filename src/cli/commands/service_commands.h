// SPDX-License-Identifier: Apache-2.0
// What `howdah service` and `howdah uninstall` share.
#pragma once
#include "cli/commands/service.h"
#include "cli/context.h"

namespace howdah::cli {

// destination: see ServiceSettings; empty: this machine. Errors: config_invalid without HOME.
Result<ServiceSettings> service_settings(const Context& context, const std::string& destination);

// Stops and removes the unit, and what is shared where no other unit needs it.
// Returns: the paths that are gone. Errors: io_error.
Result<std::vector<os::Path>> remove_service(const ServiceSettings& settings);

void add_uninstall_command(CLI::App& app, Context& context);

}  // namespace howdah::cli
