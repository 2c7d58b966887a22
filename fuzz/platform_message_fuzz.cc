// SPDX-License-Identifier: Apache-2.0
// JSON between Howdah's own processes: what a gate, which strangers talk to, may send to the node
// agent (root) and to howdahd, and what they answer. What is understood is written and read again
// as the same.
#include "base/json.h"
#include "model/route.h"
#include "nodeapi/messages.h"
#include "require.h"

namespace {

using namespace howdah;

// read: JSON to a value; what to_json() makes of it must be read as the same again.
template <typename Read>
void check(const json::value& given, Read read) {
  const auto value = read(given);
  if (!value) return;
  const json::value written = to_json(*value);
  const auto again = read(written);
  require(again.has_value());
  require(to_json(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto given = parse_json(text_of(data, size));
  if (!given) return 0;
  check(*given, route_update_from_json);
  check(*given, gate_message_from_json);
  check(*given, nodeapi::claim_request_from_json);
  check(*given, nodeapi::acquire_request_from_json);
  check(*given, nodeapi::renew_request_from_json);
  check(*given, nodeapi::instance_settings_from_json);
  check(*given, nodeapi::instance_from_json);
  check(*given, nodeapi::journal_page_from_json);
  (void)nodeapi::stop_request_from_json(*given);
  (void)nodeapi::role_passwords_from_json(*given);
  (void)nodeapi::roles_from_json(*given);
  (void)nodeapi::node_status_from_json(*given);
  return 0;
}
