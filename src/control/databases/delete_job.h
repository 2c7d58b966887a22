// SPDX-License-Identifier: Apache-2.0
// Deleting a database in two parts: the tombstone at once (refused at the gates, stopped, data
// kept), the purge when its date has come or an admin asks for it. All are durable jobs.
// Owner: Databases; on the loop's thread.
#pragma once
#include <string>

#include "control/databases/admission.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class DeleteJob {
 public:
  static constexpr std::chrono::days kKeep{7};

  DeleteJob(Platform& platform, RoutePublisher& routes) : platform_(platform), routes_(routes) {}

  void add_to(JobEngine& jobs);

  // The job of a wish to delete or to purge, leased to this process: call JobEngine::run_now with
  // it; in the transaction that has admitted it. Errors: conflict naming unfinished work.
  Task<JobId> enqueue(pg::Connection& connection, DatabaseWish wish, Database database);
  static std::string_view kind_of(DatabaseAction action);
  // Queues the purge of a database whose date has come. Errors: conflict as above.
  Task<void> start_purge(Database database);

 private:
  struct Wish {
    Database database;
    Principal caller;
    std::string request_id;
    std::string kind;
    std::string title;
    JobEngine::Start start;
  };
  Task<JobId> store(Wish wish, pg::Connection& connection);

  Task<void> mark(StepRun& run, pg::Connection& connection);
  Task<void> mark_for_purge(StepRun& run, pg::Connection& connection);
  Task<void> close_routes(StepRun& run);
  Task<void> stop_instances(StepRun& run);
  Task<void> remove_instances(StepRun& run);
  Task<void> forget(StepRun& run, pg::Connection& connection);
  Task<void> audit(StepRun& run, pg::Connection& connection, std::string action);

  Platform& platform_;
  RoutePublisher& routes_;
};

}  // namespace howdah::control
