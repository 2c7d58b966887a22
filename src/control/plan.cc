// SPDX-License-Identifier: Apache-2.0
#include "control/plan.h"

#include "base/units.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

json::array to_array(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

}  // namespace

http::Response plan_response(const Plan& plan) {
  const auto& size = plan.size_bytes;
  json::object data{
      {"dry_run", true},
      {"action", plan.action},
      {"database_id",
       plan.database_id ? json::value(plan.database_id->str()) : json::value(nullptr)},
      {"friendly_name", plan.friendly_name},
      {"changes", plan.changes},
      {"steps", to_array(plan.steps)},
      {"sessions_cut", plan.sessions_cut ? json::value(*plan.sessions_cut) : json::value(nullptr)},
      {"size_bytes", size ? json::value(*size) : json::value(nullptr)},
      {"size_pretty",
       size ? json::value(to_pretty(static_cast<ByteCount>(*size))) : json::value(nullptr)},
      {"purge_after",
       plan.purge_after ? json::value(to_rfc3339(*plan.purge_after)) : json::value(nullptr)},
      {"applied_at_next_start", to_array(plan.applied_at_next_start)}};
  return success(200, {.data = std::move(data),
                       .message = "Nothing was done: this is what the call would do"});
}

}  // namespace howdah::control
