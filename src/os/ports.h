// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace howdah::os {

// Who holds a TCP port, for an error message: "postgres (pid 812)". Empty: cannot be told.
std::optional<std::string> program_listening_on(std::uint16_t port);
// Whether anybody listens on it, on any address; seen by every user.
bool is_listened_on(std::uint16_t port);

}  // namespace howdah::os
