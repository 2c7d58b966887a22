// SPDX-License-Identifier: Apache-2.0
#include "control/databases/orphans.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/json.h"
#include "control/databases/reconciler_store.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

constexpr std::string_view kWithoutBranch = "instance_without_branch";
constexpr std::string_view kWithoutInstance = "branch_without_instance";

}  // namespace

void Orphans::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/internal/orphans", Access::local,
             std::bind_front(&Orphans::list, this));
  routes.add(http::Method::post, "/internal/orphans/{instanceId}/set-aside", Access::local,
             std::bind_front(&Orphans::set_aside, this));
}

Task<std::vector<Orphans::Orphan>> Orphans::find() {
  HOWDAH_CO_TRY(const auto instances, co_await platform_.node.instances());
  std::map<std::string, const nodeapi::Instance*> by_token;
  std::vector<std::string> tokens;
  std::vector<InstanceId> present;
  for (const nodeapi::Instance& instance : instances) {
    present.push_back(instance.id);
    if (instance.token.empty()) continue;
    tokens.push_back(instance.token);
    by_token.emplace(instance.token, &instance);
  }
  std::vector<Orphan> found;
  if (!tokens.empty()) {
    HOWDAH_CO_TRY(const auto claims,
                  co_await reconciler_store::claims(platform_.catalog.pool(), std::move(tokens)));
    for (const reconciler_store::Claim& claim : claims) {
      // What a job is at work on, or will take away, is nobody's to move.
      if (!claim.branch_status.empty() || claim.job_unfinished || claim.job_failed) continue;
      const nodeapi::Instance& instance = *by_token.at(claim.token);
      found.push_back({std::string(kWithoutBranch), instance.id, instance.slug});
    }
  }
  HOWDAH_CO_TRY(const auto missing,
                co_await reconciler_store::missing(platform_.catalog.pool(), std::move(present)));
  for (const InstanceId& id : missing) found.push_back({std::string(kWithoutInstance), id, ""});
  co_return found;
}

Task<http::Response> Orphans::list(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const auto found, co_await find());
  json::array data;
  for (const Orphan& orphan : found) {
    data.push_back(
        {{"kind", orphan.kind}, {"instance_id", orphan.instance_id.str()}, {"name", orphan.name}});
  }
  const std::size_t count = data.size();
  co_return success(200, {.data = std::move(data), .count = count});
}

Task<http::Response> Orphans::set_aside(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  const std::string id = call.request.parameters.at("instanceId");
  HOWDAH_CO_TRY(const auto found, co_await find());
  const auto orphan = std::ranges::find_if(found, [&id](const Orphan& one) {
    return one.kind == kWithoutBranch && one.instance_id.str() == id;
  });
  if (orphan == found.end()) {
    co_return fail(ErrorCode::not_found, "no instance without a branch has this id",
                   "what belongs to a database is removed with it: howdah db delete");
  }
  HOWDAH_CO_TRY(const std::string path, co_await platform_.node.set_aside(orphan->instance_id));
  HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<bool>(
      std::bind_front(&Orphans::record, this, std::move(call), *orphan, path)));
  co_return success(200, {.data = {{"path", path}}});
}

Task<bool> Orphans::record(Call call, Orphan orphan, std::string path, pg::Connection& connection) {
  AuditEntry entry{.action = "instance.set_aside",
                   .subject = "instance:" + orphan.instance_id.str(),
                   .details = {{"slug", orphan.name}, {"path", path}},
                   .request_id = call.request.request_id};
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, call.caller, std::move(entry)));
  co_return true;
}

}  // namespace howdah::control
