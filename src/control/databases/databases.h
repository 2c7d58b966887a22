// SPDX-License-Identifier: Apache-2.0
// The databases feature: its routes, jobs and reconciler.
// Owner: make_features; on the loop's thread.
#pragma once
#include "control/databases/create_job.h"
#include "control/databases/lifecycle.h"
#include "control/databases/orphans.h"
#include "control/databases/reconciler.h"
#include "control/platform.h"

namespace howdah::control {

class Databases final : public Feature {
 public:
  // nodes, routes: outlive it.
  Databases(Platform& platform, const NodeWatcher& nodes, RoutePublisher& routes);

  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;
  Task<void> start() override;
  asio::awaitable<void> stop() override;

  const Reconciler& reconciler() const { return reconciler_; }

 private:
  Task<http::Response> create(Call call);
  Task<http::Response> list(Call call);
  Task<http::Response> show(Call call);
  Task<http::Response> plan_created(NewDatabase wanted, Principal caller);
  Task<http::Response> resume_create(JobId id, NewDatabase wanted);
  Task<http::Response> answer_created(CreateJob::Started started, Job job, NewDatabase wanted,
                                      std::string password);

  Platform& platform_;
  const NodeWatcher& nodes_;
  CreateJob creating_;
  Lifecycle lifecycle_;
  Reconciler reconciler_;
  Orphans orphans_;
  net::TaskGroup tasks_;
};

}  // namespace howdah::control
