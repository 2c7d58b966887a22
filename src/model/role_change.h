// SPDX-License-Identifier: Apache-2.0
// What a gate tells howdahd of roles: passwords that their users changed by SQL, and logins.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"

namespace howdah {

// A role as an instance has it since a user changed it by SQL.
struct RoleChange {
  BranchId branch_id;
  InstanceId instance_id;
  std::string role;
  std::string verifier;  // "SCRAM-SHA-256$..."; empty: no password of it can be used
  std::string problem;   // why not: "none", "md5", "malformed"; empty with a verifier
  bool can_login = true;
  std::optional<Timestamp> valid_until = {};
  Timestamp changed_at;  // as the node saw it
};
inline constexpr std::size_t kVerifierSizeMax = 1'000;

boost::json::value to_json(const RoleChange& change);
Result<RoleChange> role_change_from_json(const boost::json::value& value);

// The last login with one password of a role at one gate.
struct LoginSeen {
  BranchId branch_id;
  std::string role;
  std::int64_t generation = 0;
  Timestamp last_seen;
};

boost::json::value to_json(const LoginSeen& seen);
Result<LoginSeen> login_seen_from_json(const boost::json::value& value);

}  // namespace howdah
