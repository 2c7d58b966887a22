// SPDX-License-Identifier: Apache-2.0
#include "control/passwords/rotation.h"

namespace howdah::control {

Result<RotationWish> read_rotation(const json::value& body) {
  JsonReader in(body);
  RotationWish wish;
  wish.role = in.optional_string("role", 1, 63).value_or("");
  const auto grace = in.optional_integer("graceSeconds", 0, kGraceMax.count());
  if (grace) wish.grace = std::chrono::seconds{*grace};
  wish.revoke_old = in.optional_bool("revokeOld").value_or(false);
  wish.cut_sessions = in.optional_bool("cutSessions").value_or(false);
  if (wish.revoke_old && grace) {
    in.reject("graceSeconds", "has no meaning with revokeOld, which ends the old passwords now");
  }
  HOWDAH_CHECK(in.finish());
  return wish;
}

}  // namespace howdah::control
