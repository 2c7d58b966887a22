// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "nodeapi/messages.h"
#include "pg/pool.h"

namespace howdah::control::node_store {

// Makes the node's row, or brings it up to date.
Task<void> save(pg::Pool& pool, nodeapi::NodeStatus status, std::string boot_id);

}  // namespace howdah::control::node_store
