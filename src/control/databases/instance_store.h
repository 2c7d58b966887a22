// SPDX-License-Identifier: Apache-2.0
// What the catalog wants of each instance, for the node.
#pragma once
#include <optional>
#include <vector>

#include "base/id.h"
#include "nodeapi/messages.h"
#include "pg/pool.h"

namespace howdah::control::instance_store {

struct Wanted {
  InstanceId instance_id;
  nodeapi::InstanceSettings settings;  // every field is given; size_class only where it is known
};
// Of one database, or of all. Those of databases that are being made are left out. Paused: by
// itself, with its database, or because it is deleted.
Task<std::vector<Wanted>> wanted(pg::Pool& pool, std::optional<DatabaseId> only);

}  // namespace howdah::control::instance_store
