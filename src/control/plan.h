// SPDX-License-Identifier: Apache-2.0
// What ?dry_run=true answers: what a call would do, while nothing is done.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "http/message.h"

namespace howdah::control {

struct Plan {
  std::string action;  // as the audit row would name it: "database.pause"
  std::optional<DatabaseId> database_id = {};
  std::string friendly_name = {};
  boost::json::object changes = {};  // {"status":{"from":"active","to":"paused"}}
  std::vector<std::string> steps = {};
  std::optional<std::int64_t> sessions_cut = 0;  // open now; empty: only the gates can tell
  // Of data that is deleted, or kept until purge_after.
  std::optional<std::int64_t> size_bytes = {};
  std::optional<Timestamp> purge_after = {};
  std::vector<std::string> applied_at_next_start = {};
};

// 200 with the plan as data.
http::Response plan_response(const Plan& plan);

}  // namespace howdah::control
