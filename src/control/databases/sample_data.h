// SPDX-License-Identifier: Apache-2.0
// The demo shop that a new database may start with: customers, products, orders.
#pragma once
#include <string>

#include "net/task.h"
#include "nodeapi/messages.h"

namespace howdah::control {

// Makes tables and rows as the owner role, in one transaction; does nothing where they are already.
// The instance must run (hold it). Always the same rows.
Task<void> load_sample_data(nodeapi::Instance instance);

}  // namespace howdah::control
