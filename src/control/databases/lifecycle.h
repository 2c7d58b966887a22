// SPDX-License-Identifier: Apache-2.0
// What the API does with a database that is there: change, pause, resume, delete, purge, undelete;
// and the plans of all of these (dry_run).
// Owner: Databases; on the loop's thread.
#pragma once
#include <string>

#include "control/databases/database_change.h"
#include "control/databases/delete_job.h"
#include "control/databases/lifecycle_job.h"
#include "control/plan.h"

namespace howdah::control {

class Lifecycle {
 public:
  Lifecycle(Platform& platform, const NodeWatcher& nodes, RoutePublisher& routes);

  void add_jobs(JobEngine& jobs);
  void add_routes(Routes& routes);
  DeleteJob& deleting() { return deleting_; }

 private:
  struct ChangeWish {
    DatabaseId id;
    DatabaseChange change;
    Preconditions preconditions;
    Principal caller;
    std::string request_id;
  };
  struct Changed {
    Database is;
    boost::json::object differences;
  };
  struct Started {
    JobId job_id;
    Database was;
  };

  Task<http::Response> update(Call call);
  Task<http::Response> act(DatabaseAction action, Call call);
  Task<http::Response> remove(Call call);

  Task<Changed> store_change(ChangeWish wish, bool audited, pg::Connection& connection);
  Task<http::Response> answer_changed(http::Request request, Changed changed);
  // What keeps the change from being in force, as a sentence; empty: nothing does.
  Task<std::string> apply_change(Changed changed);

  Task<Database> check(DatabaseWish wish, pg::Connection& connection);
  Task<Started> start(DatabaseWish wish, pg::Connection& connection);
  Task<http::Response> run(DatabaseWish wish);
  Task<http::Response> answer(DatabaseAction action, Started started, Job job);
  Task<http::Response> plan(DatabaseWish wish);

  Platform& platform_;
  const NodeWatcher& nodes_;
  RoutePublisher& routes_;
  LifecycleJob job_;
  DeleteJob deleting_;
};

}  // namespace howdah::control
