// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pg/pool.h"

namespace howdah::control::metrics_store {

using Counts = std::vector<std::pair<std::string, std::int64_t>>;

// Jobs that are not final, by state.
Task<Counts> unfinished_jobs(pg::Pool& pool);

}  // namespace howdah::control::metrics_store
