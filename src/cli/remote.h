// SPDX-License-Identifier: Apache-2.0
// The API of a Howdah on another machine.
#pragma once
#include "cli/settings/configuration.h"
#include "http/client.h"

namespace howdah::cli {

// For the settings api-url, api-key and ca-file. Nothing is sent yet.
// Errors: config_invalid for an unusable URL or CA, and for plain HTTP to another machine;
// unauthorized without a key.
Result<http::Client> connect_remote(const Configuration& config);
// Of the setting api-url, without port. Errors: config_invalid.
Result<std::string> remote_host(const Configuration& config);

}  // namespace howdah::cli
