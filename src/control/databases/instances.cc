// SPDX-License-Identifier: Apache-2.0
#include "control/databases/instances.h"

#include <utility>

namespace howdah::control {

bool fits(const nodeapi::Instance& instance, const nodeapi::InstanceSettings& wanted) {
  const bool stopped = instance.state == nodeapi::InstanceState::stopped ||
                       instance.state == nodeapi::InstanceState::failed;
  return instance.suspend_after_s == wanted.suspend_after_s &&
         instance.max_connections == wanted.max_connections &&
         instance.size_class == wanted.size_class.value_or(instance.size_class) &&
         instance.storage_limit_bytes == wanted.storage_limit_bytes &&
         instance.settings == wanted.settings && instance.paused == wanted.paused &&
         (stopped || !instance.paused);
}

Task<void> align_instance(nodeapi::Client& node, instance_store::Wanted wanted) {
  const bool paused = wanted.settings.paused.value_or(false);
  auto done = co_await node.configure(wanted.instance_id, std::move(wanted.settings));
  // Forbidden to start first, stopped then: so nobody starts it in between.
  if (done && paused) done = co_await node.stop(wanted.instance_id, true);
  if (!done && done.error().code != ErrorCode::not_found) {
    co_return std::unexpected(std::move(done).error());
  }
  co_return Result<void>{};
}

Task<void> align_instances(Platform& platform, DatabaseId id) {
  HOWDAH_CO_TRY(const auto all,
                co_await instance_store::wanted(platform.catalog.pool(), std::move(id)));
  for (const auto& wanted : all) HOWDAH_CO_CHECK(co_await align_instance(platform.node, wanted));
  co_return Result<void>{};
}

}  // namespace howdah::control
