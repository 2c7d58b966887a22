// SPDX-License-Identifier: Apache-2.0
#include "control/databases/lifecycle_job.h"

#include <functional>
#include <utility>

#include "control/databases/database_job.h"
#include "control/databases/instances.h"
#include "control/databases/lifecycle_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPause = "database.pause";
constexpr std::string_view kResume = "database.resume";
constexpr std::string_view kUndelete = "database.undelete";
constexpr int kAttemptsMax = 20;

std::string title_of(DatabaseAction action, const std::string& name) {
  switch (action) {
    case DatabaseAction::pause:
      return "Pause database " + name;
    case DatabaseAction::resume:
      return "Resume database " + name;
    case DatabaseAction::undelete:
    case DatabaseAction::remove:
    case DatabaseAction::purge:
      break;
  }
  return "Undelete database " + name;
}

}  // namespace

std::string_view LifecycleJob::kind_of(DatabaseAction action) {
  if (action == DatabaseAction::pause) return kPause;
  return action == DatabaseAction::resume ? kResume : kUndelete;
}

void LifecycleJob::add_to(JobEngine& jobs) {
  const auto marks = [this](const char* name, auto member) {
    return Step{.name = name, .commit = std::bind_front(member, this)};
  };
  const auto gates = [this](const char* name) {
    return Step{
        .name = name, .work = std::bind_front(&LifecycleJob::tell_gates, this), .timeout = 10s};
  };
  const auto node = [this](const char* name) {
    return Step{
        .name = name, .work = std::bind_front(&LifecycleJob::tell_node, this), .timeout = 180s};
  };
  jobs.add(JobKind{std::string(kPause),
                   {marks("mark as paused", &LifecycleJob::pause), gates("close the routes"),
                    node("stop the instance")},
                   kAttemptsMax,
                   {}});
  // The routes last: whoever is let in finds an instance that may start.
  jobs.add(JobKind{std::string(kResume),
                   {marks("mark as active", &LifecycleJob::resume),
                    node("allow the instance to start"), gates("open the routes")},
                   kAttemptsMax,
                   {}});
  jobs.add(JobKind{std::string(kUndelete),
                   {marks("bring it back", &LifecycleJob::undelete),
                    node("allow the instance to start"), gates("open the routes")},
                   kAttemptsMax,
                   {}});
}

Task<JobId> LifecycleJob::enqueue(pg::Connection& connection, DatabaseWish wish,
                                  Database database) {
  NewJob job;
  job.kind = kind_of(wish.action);
  job.exclusive_key = exclusive_key(database.id);
  job.payload =
      database_job_payload(database.id, database.friendly_name, wish.caller, wish.request_id);
  job.payload.emplace("slug", database.slug);
  job.payload.emplace("reason", wish.reason);
  job.payload.emplace("action", kind_of(wish.action));
  job.watch =
      Watch{title_of(wish.action, database.friendly_name), database.id, {}, wish.caller.actor};
  co_return co_await platform_.jobs.enqueue(connection, std::move(job), JobEngine::Start::here);
}

Task<void> LifecycleJob::pause(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool changed,
                co_await lifecycle_store::mark_paused(connection, database_of(run),
                                                      text_of(run.payload(), "reason")));
  co_return co_await audit(changed, run, connection);
}

Task<void> LifecycleJob::resume(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool changed,
                co_await lifecycle_store::mark_resumed(connection, database_of(run)));
  co_return co_await audit(changed, run, connection);
}

Task<void> LifecycleJob::undelete(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool changed,
                co_await lifecycle_store::mark_undeleted(connection, database_of(run)));
  co_return co_await audit(changed, run, connection);
}

// The kind of the job is the name of the action.
Task<void> LifecycleJob::audit(bool changed, StepRun& run, pg::Connection& connection) {
  if (!changed) co_return Result<void>{};
  boost::json::object details{{"slug", text_of(run.payload(), "slug")}};
  const std::string reason = text_of(run.payload(), "reason");
  if (!reason.empty()) details.emplace("reason", reason);
  co_return co_await audit_database_job(platform_, run, connection,
                                        {text_of(run.payload(), "action"), std::move(details)});
}

Task<void> LifecycleJob::tell_gates(StepRun& run) {
  co_return co_await publish_database(platform_, routes_, run);
}

Task<void> LifecycleJob::tell_node(StepRun& run) {
  co_return co_await align_instances(platform_, database_of(run));
}

}  // namespace howdah::control
