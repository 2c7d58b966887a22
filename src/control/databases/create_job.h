// SPDX-License-Identifier: Apache-2.0
// Making a database as a durable job: claim an instance under the branch's id, write what it
// brought in one transaction, open the route. Whatever dies on the way, the job goes on or takes
// everything back.
// Owner: DatabasesFeature; on the loop's thread.
#pragma once
#include <string>

#include "control/databases/credential.h"
#include "control/databases/new_database.h"
#include "control/nodes/node_watcher.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

class CreateJob {
 public:
  CreateJob(Platform& platform, const NodeWatcher& nodes, RoutePublisher& routes)
      : platform_(platform), nodes_(nodes), routes_(routes) {}

  void add_to(JobEngine& jobs);

  struct Started {
    DatabaseId database_id;
    BranchId branch_id;
    JobId job_id;
    Timestamp created_at;
  };
  // Commits the wish: rows in status creating and the job, leased to this process: call
  // JobEngine::run_now with it. Errors: conflict for a name that is taken, limit_reached.
  Task<Started> start(NewDatabase wanted, Credential credential, Principal caller,
                      std::string request_id);

  // What start() would begin, with its errors; nothing is kept.
  struct Planned {
    std::vector<std::string> steps;
  };
  Task<Planned> plan(NewDatabase wanted, Principal caller);
  // What an earlier process began with start(), and the password that it made.
  struct Earlier {
    Started started;
    std::string password;
  };
  Task<Earlier> find_earlier(Job job);

 private:
  struct Wish {
    Principal caller;
    std::string request_id;
    NewDatabase wanted;
    Started ids;
    boost::json::object credential;
    NodeId node_id;
  };
  Task<Timestamp> insert(Wish wish, pg::Connection& connection);
  Task<Started> store(Wish wish, pg::Connection& connection);

  Task<void> claim(StepRun& run);
  Task<void> store_claim(bool activate, StepRun& run, pg::Connection& connection);
  Task<void> load_sample(StepRun& run);
  Task<void> activate(StepRun& run, pg::Connection& connection);
  Task<void> open_route(StepRun& run);
  Task<void> undo(StepRun& run);
  Task<void> forget(StepRun& run, pg::Connection& connection);
  Task<void> audit(StepRun& run, pg::Connection& connection, std::string action);

  Platform& platform_;
  const NodeWatcher& nodes_;
  RoutePublisher& routes_;
};

// What the job leaves in its memo for whoever answers the caller.
inline constexpr std::string_view kMemoSlug = "slug";

}  // namespace howdah::control
