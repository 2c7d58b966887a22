// SPDX-License-Identifier: Apache-2.0
#include "control/databases/delete_job.h"

#include <functional>
#include <utility>

#include "control/databases/database_job.h"
#include "control/databases/database_store.h"
#include "control/databases/instances.h"
#include "control/databases/lifecycle_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kDelete = "database.delete";
constexpr std::string_view kPurge = "database.purge";         // its date has come
constexpr std::string_view kPurgeNow = "database.purge_now";  // somebody wants it
constexpr int kAttemptsMax = 20;

}  // namespace

void DeleteJob::add_to(JobEngine& jobs) {
  const Step mark{.name = "mark as deleted", .commit = std::bind_front(&DeleteJob::mark, this)};
  const Step close{.name = "close the routes",
                   .work = std::bind_front(&DeleteJob::close_routes, this),
                   .timeout = 10s};
  const Step stop{.name = "stop the instance",
                  .work = std::bind_front(&DeleteJob::stop_instances, this),
                  .timeout = 180s};
  jobs.add(JobKind{std::string(kDelete), {mark, close, stop}, kAttemptsMax, {}});
  const Step remove{.name = "delete the data",
                    .work = std::bind_front(&DeleteJob::remove_instances, this),
                    .commit = std::bind_front(&DeleteJob::forget, this),
                    .timeout = 300s};
  const Step forget_routes{.name = "forget the routes",
                           .work = std::bind_front(&DeleteJob::close_routes, this),
                           .timeout = 10s};
  jobs.add(JobKind{std::string(kPurge), {remove, forget_routes}, kAttemptsMax, {}});
  const Step give_up{.name = "mark for its purge",
                     .commit = std::bind_front(&DeleteJob::mark_for_purge, this)};
  jobs.add(
      JobKind{std::string(kPurgeNow), {give_up, close, remove, forget_routes}, kAttemptsMax, {}});
}

std::string_view DeleteJob::kind_of(DatabaseAction action) {
  return action == DatabaseAction::purge ? kPurgeNow : kDelete;
}

Task<JobId> DeleteJob::enqueue(pg::Connection& connection, DatabaseWish wish, Database database) {
  const bool purge = wish.action == DatabaseAction::purge;
  std::string title = (purge ? "Purge database " : "Delete database ") + database.friendly_name;
  co_return co_await store(
      {std::move(database), std::move(wish.caller), std::move(wish.request_id),
       std::string(kind_of(wish.action)), std::move(title), JobEngine::Start::here},
      connection);
}

Task<void> DeleteJob::start_purge(Database database) {
  std::string title = "Purge database " + database.friendly_name;
  HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<JobId>(
      std::bind_front(&DeleteJob::store, this,
                      Wish{std::move(database),
                           system_principal("purge"),
                           {},
                           std::string(kPurge),
                           std::move(title),
                           JobEngine::Start::by_worker})));
  co_return Result<void>{};
}

Task<JobId> DeleteJob::store(Wish wish, pg::Connection& connection) {
  NewJob job;
  job.kind = wish.kind;
  job.exclusive_key = exclusive_key(wish.database.id);
  // The branches are named here because a purged database cannot be asked for them any more.
  job.payload = database_job_payload(wish.database.id, wish.database.friendly_name, wish.caller,
                                     wish.request_id);
  job.payload.emplace("branch_id", wish.database.main_branch.str());
  job.payload.emplace("slug", wish.database.slug);
  job.watch = Watch{wish.title, wish.database.id, {}, wish.caller.actor};
  co_return co_await platform_.jobs.enqueue(connection, std::move(job), wish.start);
}

Task<void> DeleteJob::mark(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const Moment moment, co_await tick(connection));
  HOWDAH_CO_TRY(const Timestamp purge_after, co_await lifecycle_store::mark_deleted(
                                                 connection, {database_of(run), kKeep, moment}));
  run.result() = {{"database_id", database_of(run).str()},
                  {"purge_after", to_rfc3339(purge_after)}};
  co_return co_await audit(run, connection, "database.delete");
}

Task<void> DeleteJob::mark_for_purge(StepRun& run, pg::Connection& connection) {
  co_return co_await lifecycle_store::mark_for_purge(connection, database_of(run));
}

// Gates refuse new clients and cut the present ones when the route says deleted or is gone.
Task<void> DeleteJob::close_routes(StepRun& run) {
  co_return co_await publish_database(platform_, routes_, run);
}

Task<void> DeleteJob::stop_instances(StepRun& run) {
  co_return co_await align_instances(platform_, database_of(run));
}

Task<void> DeleteJob::remove_instances(StepRun& run) {
  // It may have been undeleted since the job was made; the exclusive key keeps it from now on.
  HOWDAH_CO_TRY(const bool due, co_await lifecycle_store::may_be_purged(platform_.catalog.pool(),
                                                                        database_of(run)));
  if (!due) {
    run.skip("the database is not due to be purged");
    co_return Result<void>{};
  }
  HOWDAH_CO_TRY(const auto branches,
                co_await database_store::branches(platform_.catalog.pool(), database_of(run)));
  for (const auto& branch : branches) {
    if (branch.instance_id.empty()) continue;
    HOWDAH_CO_CHECK(co_await platform_.node.remove(branch.instance_id, true));
  }
  co_return Result<void>{};
}

Task<void> DeleteJob::forget(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool removed, co_await lifecycle_store::forget(connection, database_of(run)));
  if (!removed) co_return Result<void>{};
  co_return co_await audit(run, connection, "database.purge");
}

Task<void> DeleteJob::audit(StepRun& run, pg::Connection& connection, std::string action) {
  co_return co_await audit_database_job(
      platform_, run, connection, {std::move(action), {{"slug", text_of(run.payload(), "slug")}}});
}

}  // namespace howdah::control
