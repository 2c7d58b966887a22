// SPDX-License-Identifier: Apache-2.0
// What the job engine writes about a watched job: howdah.operations with its steps and events.
// Every call does nothing for a job that nobody watches.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "control/jobs/job.h"
#include "pg/pool.h"

namespace howdah::control::watch_store {

struct NewOperation {
  JobId id;
  Watch watch;
  std::vector<std::string> steps;
  bool started = false;  // the first step begins now
};
Task<void> insert(pg::Connection& connection, NewOperation operation);
Task<void> start_step(pg::Pool& pool, JobId id, std::size_t step);
// Step `step` is completed, the next one begins. percent: of the whole, unless it is further.
Task<void> finish_step(pg::Connection& connection, JobId id, std::size_t step, int percent);

struct News {
  std::vector<std::string> lines;
  std::optional<int> percent;
  std::optional<std::int64_t> bytes_done, bytes_total;
};
Task<void> add_news(pg::Pool& pool, JobId id, News news);

}  // namespace howdah::control::watch_store
