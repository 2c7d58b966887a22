// SPDX-License-Identifier: Apache-2.0
#include "model/role_change.h"

#include "model/detail/json_time.h"

namespace howdah {

json::value to_json(const RoleChange& change) {
  return {{"branch_id", change.branch_id.str()},
          {"instance_id", change.instance_id.str()},
          {"role", change.role},
          {"verifier", change.verifier},
          {"problem", change.problem},
          {"can_login", change.can_login},
          {"valid_until", optional_time(change.valid_until)},
          {"changed_at", to_rfc3339(change.changed_at)}};
}

Result<RoleChange> role_change_from_json(const json::value& value) {
  JsonReader in(value);
  RoleChange change;
  change.branch_id = BranchId(in.required_string("branch_id", 1, 64));
  change.instance_id = InstanceId(in.required_string("instance_id", 1, 64));
  change.role = in.required_string("role", 1, 63);
  change.verifier = in.optional_string("verifier", 0, kVerifierSizeMax).value_or("");
  change.problem = in.optional_string("problem", 0, 40).value_or("");
  change.can_login = in.optional_bool("can_login").value_or(true);
  change.valid_until = read_time(in, "valid_until");
  change.changed_at = read_time(in, "changed_at").value_or(Timestamp{});
  HOWDAH_CHECK(in.finish());
  return change;
}

json::value to_json(const LoginSeen& seen) {
  return {{"branch_id", seen.branch_id.str()},
          {"role", seen.role},
          {"generation", seen.generation},
          {"last_seen", to_rfc3339(seen.last_seen)}};
}

Result<LoginSeen> login_seen_from_json(const json::value& value) {
  JsonReader in(value);
  LoginSeen seen;
  seen.branch_id = BranchId(in.required_string("branch_id", 1, 64));
  seen.role = in.required_string("role", 1, 63);
  seen.generation = in.optional_integer("generation", 1, INT32_MAX).value_or(1);
  seen.last_seen = read_time(in, "last_seen").value_or(Timestamp{});
  HOWDAH_CHECK(in.finish());
  return seen;
}

}  // namespace howdah
