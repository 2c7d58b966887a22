// SPDX-License-Identifier: Apache-2.0
// Dumps the catalog every day at 02:00 local time, and when asked:
// POST /api/catalog/dumps, GET /api/catalog/dumps.
#pragma once
#include "control/platform.h"

namespace howdah::control {

class CatalogUpkeep : public Feature {
 public:
  explicit CatalogUpkeep(Platform& platform) : platform_(platform) {}
  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;

 private:
  Task<void> dump(StepRun& run);
  Task<void> record(StepRun& run, pg::Connection& in);
  Task<http::Response> start_dump(Call call);
  Task<http::Response> list(Call call);
  Task<JobId> enqueue(std::string actor, pg::Connection& in);

  Platform& platform_;
};

}  // namespace howdah::control
