// SPDX-License-Identifier: Apache-2.0
#include "control/databases/lifecycle.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "control/databases/database_job.h"
#include "control/databases/database_store.h"
#include "control/databases/instances.h"
#include "control/databases/lifecycle_store.h"
#include "control/envelope.h"
#include "control/operations/operations.h"
#include "control/organisation/organisation.h"
#include "control/rehearsal.h"
#include "model/names.h"
#include "model/server_settings.h"

namespace howdah::control {
namespace {

constexpr std::size_t kReasonMax = 200;

struct Words {
  std::string_view done;
  std::string_view already;
  std::string_view unfinished;
};

Words words_of(DatabaseAction action) {
  switch (action) {
    case DatabaseAction::pause:
      return {"Database paused", "The database is paused already", "The database is being paused"};
    case DatabaseAction::resume:
      return {"Database resumed", "The database is not paused", "The database is being resumed"};
    case DatabaseAction::undelete:
      return {"Database undeleted", "The database is not deleted",
              "The database is being brought back"};
    case DatabaseAction::purge:
      return {"Database purged", {}, "The database is being purged"};
    case DatabaseAction::remove:
      break;
  }
  return {"Database deleted successfully", {}, "The database is being deleted"};
}

// Of the audit row.
std::string_view name_of(DatabaseAction action) {
  switch (action) {
    case DatabaseAction::pause:
      return "database.pause";
    case DatabaseAction::resume:
      return "database.resume";
    case DatabaseAction::undelete:
      return "database.undelete";
    case DatabaseAction::purge:
      return "database.purge";
    case DatabaseAction::remove:
      break;
  }
  return "database.delete";
}

std::string_view status_after(DatabaseAction action) {
  switch (action) {
    case DatabaseAction::pause:
      return "paused";
    case DatabaseAction::resume:
    case DatabaseAction::undelete:
      return "active";
    case DatabaseAction::remove:
    case DatabaseAction::purge:
      break;
  }
  return "deleted";
}

Result<std::string> read_reason(const http::Request& request) {
  HOWDAH_TRY(const json::value body, read_body(request));
  JsonReader in(body);
  const std::string reason = in.optional_string("reason", 0, kReasonMax).value_or("");
  if (!is_printable(reason)) in.reject("reason", "must not have control characters");
  HOWDAH_CHECK(in.finish());
  return reason;
}

// A purge cannot be taken back: a key of one database is not enough, and the name is repeated.
Result<void> check_purge(const Principal& caller, const Database& database,
                         const std::optional<std::string>& confirm) {
  if (caller.scope != Scope::admin || caller.database_id) {
    return fail(ErrorCode::forbidden, "a purge needs a key with scope admin for all databases",
                "without purge=true, the data is kept for 7 days and then purged");
  }
  if (confirm && (*confirm == database.friendly_name ||
                  (!database.slug.empty() && *confirm == tenant_database(database.slug)))) {
    return {};
  }
  Error error{ErrorCode::invalid_request,
              "a purge cannot be taken back, so the database's name must be repeated",
              "add confirm=NAME to the query, with its friendly_name or database_name",
              {},
              {{"confirm", confirm ? "is not the name of this database" : "is required"}},
              {}};
  return std::unexpected(std::move(error));
}

std::string missing_gates_of(const Job& job) {
  return text_of(job.memo, kMemoMissingGates);
}

}  // namespace

Lifecycle::Lifecycle(Platform& platform, const NodeWatcher& nodes, RoutePublisher& routes)
    : platform_(platform),
      nodes_(nodes),
      routes_(routes),
      job_(platform, routes),
      deleting_(platform, routes) {}

void Lifecycle::add_jobs(JobEngine& jobs) {
  job_.add_to(jobs);
  deleting_.add_to(jobs);
}

void Lifecycle::add_routes(Routes& routes) {
  using http::Method;
  const std::string path = "/api/databases/{id}";
  routes.add(Method::patch, path, Access::write, std::bind_front(&Lifecycle::update, this));
  routes.add(Method::del, path, Access::write, std::bind_front(&Lifecycle::remove, this));
  const auto add = [&](const char* name, DatabaseAction action) {
    routes.add(Method::post, path + name, Access::write,
               std::bind_front(&Lifecycle::act, this, action));
  };
  add("/pause", DatabaseAction::pause);
  add("/resume", DatabaseAction::resume);
  add("/undelete", DatabaseAction::undelete);
}

Task<http::Response> Lifecycle::update(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(auto preconditions, Preconditions::of(call.request));
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(DatabaseChange change, read_database_change(body));
  ChangeWish wish{DatabaseId(call.request.parameters.at("id")), std::move(change),
                  std::move(preconditions), call.caller, call.request.request_id};
  pg::Pool& pool = platform_.catalog.pool();
  const auto store = std::bind_front(&Lifecycle::store_change, this, std::move(wish), !dry_run);
  if (dry_run) {
    HOWDAH_CO_TRY(const Changed changed, co_await rehearse<Changed>(pool, store));
    co_return plan_response({.action = "database.update",
                             .database_id = changed.is.id,
                             .friendly_name = changed.is.friendly_name,
                             .changes = changed.differences,
                             .applied_at_next_start = applied_at_next_start(changed.differences)});
  }
  HOWDAH_CO_TRY(Changed changed, co_await pool.transaction<Changed>(store));
  co_return co_await answer_changed(call.request, std::move(changed));
}

Task<Lifecycle::Changed> Lifecycle::store_change(ChangeWish wish, bool audited,
                                                 pg::Connection& connection) {
  HOWDAH_CO_TRY(const Database was, co_await database_store::lock(connection, wish.id));
  HOWDAH_CO_CHECK(check_not_deleted(was));
  HOWDAH_CO_CHECK(wish.preconditions.check(std::to_string(was.version)));
  HOWDAH_CO_CHECK(co_await platform_.jobs.require_idle(connection, exclusive_key(was.id)));
  Changed result{changed(was, wish.change), {}};
  if (result.is.settings.size() > kServerSettingsMax) {
    co_return fail(ErrorCode::invalid_request,
                   fmt::format("a database has at most {} settings", kServerSettingsMax),
                   "give those that shall go as null");
  }
  result.differences = differences(was, result.is);
  if (result.differences.empty()) co_return result;
  HOWDAH_CO_TRY(result.is, co_await database_store::update(connection, result.is));
  // A limit may always be made smaller, also where too much is given out already.
  const bool smaller = was.storage_limit_bytes && result.is.storage_limit_bytes &&
                       *result.is.storage_limit_bytes < *was.storage_limit_bytes;
  if (result.differences.contains("storage_limit_bytes") && !smaller) {
    HOWDAH_CO_CHECK(co_await check_storage_cap(connection, wish.caller.organisation_id));
  }
  if (!audited) co_return result;
  AuditEntry entry{.action = "database.update",
                   .subject = "database:" + was.id.str(),
                   .database_id = was.id,
                   .details = result.differences,
                   .request_id = wish.request_id};
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, wish.caller, std::move(entry)));
  co_return result;
}

Task<std::string> Lifecycle::apply_change(Changed changed) {
  const auto touches = [&](std::initializer_list<const char*> names) {
    return std::ranges::any_of(
        names, [&](const char* name) { return changed.differences.contains(name); });
  };
  std::string missing;
  if (touches({"max_connections"})) {
    HOWDAH_CO_TRY(auto ids,
                  co_await database_store::branch_ids(platform_.catalog.pool(), changed.is.id));
    missing = missing_gates(co_await routes_.publish(std::move(ids)));
  }
  if (touches({"max_connections", "suspend_after_seconds", "size_class", "settings"})) {
    const auto told = co_await align_instances(platform_, changed.is.id);
    if (!told && missing.empty()) {
      missing = "it is saved, and the node is told within 30 s: " + told.error().message;
    }
  }
  co_return missing;
}

Task<http::Response> Lifecycle::answer_changed(http::Request request, Changed changed) {
  HOWDAH_CO_TRY(const std::string missing, co_await apply_change(changed));
  json::object data = to_json(changed.is, nodes_);
  std::string etag = etag_of(std::to_string(changed.is.version), data);
  Envelope envelope{.data = std::move(data)};
  envelope.message = changed.differences.empty() ? "Nothing to change" : "Database changed";
  const auto later = applied_at_next_start(changed.differences);
  if (!later.empty()) {
    envelope.message +=
        fmt::format("; {} in full with the next start of the instance", fmt::join(later, ", "));
    envelope.meta["applied_at_next_start"] = json::array(later.begin(), later.end());
  }
  if (!missing.empty()) envelope.message += "; " + missing;
  co_return tagged(request, {}, std::move(etag),
                   success(missing.empty() ? 200 : 202, std::move(envelope)));
}

Task<http::Response> Lifecycle::act(DatabaseAction action, Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  DatabaseWish wish{.action = action, .id = DatabaseId(call.request.parameters.at("id"))};
  HOWDAH_CO_TRY(wish.preconditions, Preconditions::of(call.request));
  HOWDAH_CO_TRY(wish.reason, read_reason(call.request));
  wish.caller = call.caller;
  wish.request_id = call.request.request_id;
  if (dry_run) co_return co_await plan(std::move(wish));
  co_return co_await run(std::move(wish));
}

Task<http::Response> Lifecycle::remove(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  const bool purge = query.flag("purge");
  const auto confirm = query.text("confirm", 200 * 4);
  if (confirm && !purge) query.reject("confirm", "goes with purge=true only");
  HOWDAH_CO_CHECK(query.finish());
  DatabaseWish wish{.action = purge ? DatabaseAction::purge : DatabaseAction::remove,
                    .id = DatabaseId(call.request.parameters.at("id"))};
  HOWDAH_CO_TRY(wish.preconditions, Preconditions::of(call.request));
  wish.caller = call.caller;
  wish.request_id = call.request.request_id;
  if (purge) {
    HOWDAH_CO_TRY(const Database database,
                  co_await database_store::find(platform_.catalog.pool(), wish.id));
    HOWDAH_CO_CHECK(check_purge(call.caller, database, confirm));
  }
  if (dry_run) co_return co_await plan(std::move(wish));
  co_return co_await run(std::move(wish));
}

Task<Database> Lifecycle::check(DatabaseWish wish, pg::Connection& connection) {
  HOWDAH_CO_TRY(Database database, co_await admit(connection, std::move(wish)));
  HOWDAH_CO_CHECK(co_await platform_.jobs.require_idle(connection, exclusive_key(database.id)));
  co_return database;
}

Task<Lifecycle::Started> Lifecycle::start(DatabaseWish wish, pg::Connection& connection) {
  const bool deletes =
      wish.action == DatabaseAction::remove || wish.action == DatabaseAction::purge;
  HOWDAH_CO_TRY(Database was, co_await admit(connection, wish));
  HOWDAH_CO_TRY(JobId id, deletes ? co_await deleting_.enqueue(connection, std::move(wish), was)
                                  : co_await job_.enqueue(connection, std::move(wish), was));
  co_return Started{std::move(id), std::move(was)};
}

Task<http::Response> Lifecycle::run(DatabaseWish wish) {
  const DatabaseAction action = wish.action;
  HOWDAH_CO_TRY(Started started, co_await platform_.catalog.pool().transaction<Started>(
                                     std::bind_front(&Lifecycle::start, this, std::move(wish))));
  HOWDAH_CO_TRY(Job job, co_await finish_job(platform_, started.job_id));
  co_return co_await answer(action, std::move(started), std::move(job));
}

Task<http::Response> Lifecycle::answer(DatabaseAction action, Started started, Job job) {
  pg::Pool& pool = platform_.catalog.pool();
  const Words words = words_of(action);
  const bool done = job.state == JobState::finished;
  HOWDAH_CO_TRY(json::array operations, co_await operation_summary(pool, job.id));
  Envelope envelope{.operations = std::move(operations)};
  if (action == DatabaseAction::purge && done) {
    envelope.data = json::object{{"id", started.was.id.str()},
                                 {"database_name", tenant_database(started.was.slug)},
                                 {"friendly_name", started.was.friendly_name},
                                 {"purged", true}};
  } else {
    HOWDAH_CO_TRY(const Database database, co_await database_store::find(pool, started.was.id));
    envelope.data = to_json(database, nodes_);
  }
  if (!done) {
    envelope.message = fmt::format("{}; its operation tells when it is done", words.unfinished);
    co_return accepted(job.id.str(), std::move(envelope));
  }
  envelope.message = is_done_already(action, started.was) ? words.already : words.done;
  const std::string missing = missing_gates_of(job);
  if (missing.empty()) co_return success(200, std::move(envelope));
  envelope.message += "; " + missing;
  co_return accepted(job.id.str(), std::move(envelope));
}

Task<http::Response> Lifecycle::plan(DatabaseWish wish) {
  const DatabaseAction action = wish.action;
  const bool deletes = action == DatabaseAction::remove || action == DatabaseAction::purge;
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database was,
                co_await rehearse<Database>(pool, std::bind_front(&Lifecycle::check, this, wish)));
  Plan plan{.action = std::string(name_of(action)),
            .database_id = was.id,
            .friendly_name = was.friendly_name};
  const std::string_view status = status_after(action);
  if (was.status != status) plan.changes["status"] = {{"from", was.status}, {"to", status}};
  plan.steps = platform_.jobs.step_names(
      std::string(deletes ? DeleteJob::kind_of(action) : LifecycleJob::kind_of(action)));
  if (status != "active") plan.sessions_cut = routes_.use(was.main_branch).open_sessions;
  if (deletes) {
    HOWDAH_CO_TRY(plan.size_bytes, co_await lifecycle_store::last_size(pool, was.main_branch));
  }
  if (action == DatabaseAction::remove) plan.purge_after = now() + DeleteJob::kKeep;
  if (action == DatabaseAction::purge) plan.purge_after = now();
  co_return plan_response(plan);
}

}  // namespace howdah::control
