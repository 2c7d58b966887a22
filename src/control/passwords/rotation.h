// SPDX-License-Identifier: Apache-2.0
// What a caller asks of POST /api/databases/{id}/rotate-password. No I/O.
#pragma once
#include <chrono>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace howdah::control {

struct RotationWish {
  std::string role;  // empty: the owner
  std::chrono::seconds grace{std::chrono::hours{24}};
  bool revoke_old = false;  // no new password: all but the newest end now
  bool cut_sessions = false;
};
inline constexpr std::chrono::seconds kGraceMax = std::chrono::days{30};
// Passwords of one role that are valid at once, the new one included.
inline constexpr std::int64_t kValidMax = 5;

// Errors: invalid_request, naming every fault.
Result<RotationWish> read_rotation(const json::value& body);

}  // namespace howdah::control
