// SPDX-License-Identifier: Apache-2.0
#include "control/volumes/volumes.h"

#include <algorithm>
#include <functional>

#include "base/json.h"
#include "base/units.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

constexpr std::int64_t kSizeMax = (INT64_C(1) << 53) - 1;  // exact in every JSON reader

json::object volume_to_json(const nodeapi::NodeStatus& status) {
  const ByteCount used =
      status.volume_size_bytes - std::min(status.volume_size_bytes, status.volume_free_bytes);
  return {{"driver", status.volume_driver},
          {"state", status.volume_state},
          {"size_bytes", status.volume_size_bytes},
          {"size_pretty", to_pretty(status.volume_size_bytes)},
          {"used_bytes", used},
          {"used_pretty", to_pretty(used)},
          {"free_bytes", status.volume_free_bytes},
          {"free_pretty", to_pretty(status.volume_free_bytes)},
          {"ballast_bytes", status.volume_ballast_bytes},
          {"refuse_below_bytes", status.volume_refuse_bytes},
          {"suspend_below_bytes", status.volume_suspend_bytes},
          {"databases_held_back", status.instances_held_back},
          {"can_grow", status.volume_can_grow}};
}

// The size that the volume is to have. Errors: invalid_request.
Result<ByteCount> read_size(const json::value& body, ByteCount now) {
  JsonReader in(body);
  const auto size = in.optional_integer("sizeBytes", 1, kSizeMax);
  const auto add = in.optional_integer("addBytes", 1, kSizeMax);
  if (size.has_value() == add.has_value()) {
    in.reject("sizeBytes", "give either sizeBytes or addBytes");
  }
  HOWDAH_CHECK(in.finish());
  return size ? static_cast<ByteCount>(*size) : now + static_cast<ByteCount>(*add);
}

}  // namespace

void Volumes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/volume", Access::read, std::bind_front(&Volumes::show, this));
  routes.add(http::Method::post, "/api/volume/grow", Access::admin,
             std::bind_front(&Volumes::grow, this));
}

Task<http::Response> Volumes::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const auto status, co_await platform_.node.status());
  co_return success(200, {.data = volume_to_json(status)});
}

Task<http::Response> Volumes::grow(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(auto before, co_await platform_.node.status());
  HOWDAH_CO_TRY(const ByteCount size, read_size(body, before.volume_size_bytes));
  HOWDAH_CO_TRY(auto after, co_await platform_.node.grow_volume(size));
  Growth growth{std::move(call), std::move(before), std::move(after)};
  HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<bool>(
      std::bind_front(&Volumes::record, this, growth)));
  co_return success(200, {.data = volume_to_json(growth.after), .message = "The volume has grown"});
}

Task<bool> Volumes::record(const Growth& growth, pg::Connection& connection) {
  AuditEntry entry{.action = "volume.grow",
                   .subject = "node:" + growth.after.node_id.str(),
                   .details = {{"size_bytes",
                                {{"from", growth.before.volume_size_bytes},
                                 {"to", growth.after.volume_size_bytes}}}},
                   .request_id = growth.call.request.request_id};
  HOWDAH_CO_CHECK(
      co_await platform_.audit.append(connection, growth.call.caller, std::move(entry)));
  co_return true;
}

}  // namespace howdah::control
