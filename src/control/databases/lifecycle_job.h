// SPDX-License-Identifier: Apache-2.0
// Pausing, resuming and undeleting a database as durable jobs: first the catalog, with the audit
// row, in one transaction; then gates and node, which are told what the catalog says by then. So a
// step may run again, and a job that was ended half-way is finished by the reconciler.
// Owner: Databases; on the loop's thread.
#pragma once
#include <string>

#include "control/databases/admission.h"
#include "control/jobs/engine.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class LifecycleJob {
 public:
  LifecycleJob(Platform& platform, RoutePublisher& routes) : platform_(platform), routes_(routes) {}

  void add_to(JobEngine& jobs);

  // The job of the wish, leased to this process: call JobEngine::run_now with it; in the
  // transaction that has admitted it. Errors: conflict naming unfinished work on the database.
  Task<JobId> enqueue(pg::Connection& connection, DatabaseWish wish, Database database);
  // Of pause, resume and undelete.
  static std::string_view kind_of(DatabaseAction action);

 private:
  Task<void> pause(StepRun& run, pg::Connection& connection);
  Task<void> resume(StepRun& run, pg::Connection& connection);
  Task<void> undelete(StepRun& run, pg::Connection& connection);
  Task<void> audit(bool changed, StepRun& run, pg::Connection& connection);
  Task<void> tell_gates(StepRun& run);
  Task<void> tell_node(StepRun& run);

  Platform& platform_;
  RoutePublisher& routes_;
};

}  // namespace howdah::control
