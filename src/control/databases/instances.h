// SPDX-License-Identifier: Apache-2.0
// Brings instances in line with what the catalog wants of them. Idempotent: every caller may ask
// again, and the reconciler asks for all.
#pragma once
#include "control/databases/instance_store.h"
#include "control/platform.h"

namespace howdah::control {

// Whether the node has just this; then nothing needs to be done.
bool fits(const nodeapi::Instance& instance, const nodeapi::InstanceSettings& wanted);

// Tells the node, and stops an instance that is paused. One the node has not is passed over.
Task<void> align_instance(nodeapi::Client& node, instance_store::Wanted wanted);

// Every instance of the database. Errors: unavailable when the node does not answer.
Task<void> align_instances(Platform& platform, DatabaseId id);

}  // namespace howdah::control
