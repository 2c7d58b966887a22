// SPDX-License-Identifier: Apache-2.0
#include "control/databases/delete_job.h"

#include <functional>
#include <utility>

#include "control/databases/database_job.h"
#include "control/databases/database_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kDelete = "database.delete";
constexpr std::string_view kPurge = "database.purge";

}  // namespace

void DeleteJob::add_to(JobEngine& jobs) {
  const Step mark{.name = "mark as deleted", .commit = std::bind_front(&DeleteJob::mark, this)};
  const Step close{.name = "close the routes",
                   .work = std::bind_front(&DeleteJob::close_routes, this),
                   .timeout = 10s};
  const Step stop{.name = "stop the instance",
                  .work = std::bind_front(&DeleteJob::stop_instances, this),
                  .timeout = 180s};
  jobs.add(JobKind{std::string(kDelete), {mark, close, stop}, 20, {}});
  const Step remove{.name = "delete the data",
                    .work = std::bind_front(&DeleteJob::remove_instances, this),
                    .commit = std::bind_front(&DeleteJob::forget, this),
                    .timeout = 300s};
  const Step forget_routes{.name = "forget the routes",
                           .work = std::bind_front(&DeleteJob::close_routes, this),
                           .timeout = 10s};
  jobs.add(JobKind{std::string(kPurge), {remove, forget_routes}, 20, {}});
}

Task<JobId> DeleteJob::start(Database database, Principal caller, std::string request_id) {
  std::string title = "Delete database " + database.friendly_name;
  co_return co_await platform_.catalog.pool().transaction<JobId>(
      std::bind_front(&DeleteJob::store, this,
                      Wish{std::move(database), std::move(caller), std::move(request_id),
                           std::string(kDelete), std::move(title), JobEngine::Start::here}));
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
  job.exclusive_key = "database:" + wish.database.id.str();
  // The branches are named here because a purged database cannot be asked for them any more.
  job.payload = database_job_payload(wish.database.id, wish.database.friendly_name, wish.caller,
                                     wish.request_id);
  job.payload.emplace("branch_id", wish.database.main_branch.str());
  job.payload.emplace("slug", wish.database.slug);
  job.watch = Watch{wish.title, wish.database.id, {}, wish.caller.actor};
  co_return co_await platform_.jobs.enqueue(connection, std::move(job), wish.start);
}

Task<void> DeleteJob::mark(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const Timestamp purge_after,
                co_await database_store::mark_deleted(connection, database_of(run), kKeep));
  run.result() = {{"database_id", database_of(run).str()},
                  {"purge_after", to_rfc3339(purge_after)}};
  co_return co_await audit(run, connection, "database.delete");
}

// Gates refuse new clients and cut the present ones when the route says deleted or is gone.
Task<void> DeleteJob::close_routes(StepRun& run) {
  HOWDAH_CO_TRY(const auto branches,
                co_await database_store::branches(platform_.catalog.pool(), database_of(run)));
  std::vector<BranchId> ids{BranchId(text_of(run.payload(), "branch_id"))};
  for (const auto& branch : branches) ids.push_back(branch.id);
  HOWDAH_CO_TRY(const Published published, co_await routes_.publish(std::move(ids)));
  log_unanswered(run, published);
  co_return Result<void>{};
}

Task<void> DeleteJob::stop_instances(StepRun& run) {
  HOWDAH_CO_TRY(const auto branches,
                co_await database_store::branches(platform_.catalog.pool(), database_of(run)));
  for (const auto& branch : branches) {
    if (branch.instance_id.empty()) continue;
    const auto stopped = co_await platform_.node.stop(branch.instance_id, true);
    if (!stopped && stopped.error().code != ErrorCode::not_found) {
      co_return std::unexpected(stopped.error());
    }
  }
  co_return Result<void>{};
}

Task<void> DeleteJob::remove_instances(StepRun& run) {
  // It may have been undeleted since the job was made; the exclusive key keeps it from now on.
  const auto database = co_await database_store::find(platform_.catalog.pool(), database_of(run));
  const bool gone = !database && database.error().code == ErrorCode::not_found;
  if (!database && !gone) co_return std::unexpected(database.error());
  if (gone || database->status != "deleted" || database->purge_after > now()) {
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
  HOWDAH_CO_TRY(const bool removed,
                co_await database_store::remove_purgeable(connection, database_of(run)));
  if (!removed) co_return Result<void>{};
  co_return co_await audit(run, connection, "database.purge");
}

Task<void> DeleteJob::audit(StepRun& run, pg::Connection& connection, std::string action) {
  co_return co_await audit_database_job(
      platform_, run, connection, {std::move(action), {{"slug", text_of(run.payload(), "slug")}}});
}

}  // namespace howdah::control
