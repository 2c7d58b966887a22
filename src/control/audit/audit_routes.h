// SPDX-License-Identifier: Apache-2.0
// GET /api/audit: the audit log, newest first; /api/audit/verify and /api/audit/head: whether it is
// whole, and what to save to know it later; and forgetting its oldest rows every day.
#pragma once
#include "control/platform.h"

namespace howdah::control {

class AuditRoutes : public Feature {
 public:
  explicit AuditRoutes(Platform& platform) : platform_(platform) {}
  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> list(Call call);
  Task<http::Response> verify(Call call);
  Task<http::Response> head(Call call);
  Task<void> forget(StepRun& run, pg::Connection& connection);

  Platform& platform_;
};

}  // namespace howdah::control
