// SPDX-License-Identifier: Apache-2.0
// The platform's SQL in a fresh catalog instance.
#pragma once
#include <string_view>

#include "instance/place.h"
#include "net/task.h"

namespace howdah::node {

inline constexpr std::string_view kCatalogDatabase = "postgres_control";

// Makes the logical database of the catalog from what is for tenants in the template. Done already,
// or in part: it goes on from there.
Task<void> prepare_catalog(instance::InstancePlace place);

}  // namespace howdah::node
