// SPDX-License-Identifier: Apache-2.0
#include "control/databases/databases.h"

#include <functional>
#include <utility>

#include "base/json.h"
#include "control/connection_strings/connection_strings.h"
#include "control/databases/database_job.h"
#include "control/databases/database_store.h"
#include "control/operations/operations.h"
#include "model/names.h"

namespace howdah::control {
namespace {

constexpr milliseconds kWait{30'000};

Result<void> no_query(const http::Request& request) {
  QueryReader query(request.query);
  return query.finish();
}

}  // namespace

Databases::Databases(Platform& platform, const NodeWatcher& nodes, RoutePublisher& routes)
    : platform_(platform),
      nodes_(nodes),
      creating_(platform, nodes, routes),
      lifecycle_(platform, nodes, routes),
      reconciler_(platform, lifecycle_.deleting()),
      orphans_(platform),
      tasks_(platform.executor) {}

void Databases::add_jobs(JobEngine& jobs) {
  creating_.add_to(jobs);
  lifecycle_.add_jobs(jobs);
}

void Databases::add_routes(Routes& routes) {
  using http::Method;
  routes.add(Method::post, "/api/databases", Access::write,
             std::bind_front(&Databases::create, this));
  // A key of one database sees a list of one.
  routes.add_for_any_key(Method::get, "/api/databases", Access::read,
                         std::bind_front(&Databases::list, this));
  routes.add(Method::get, "/api/databases/{id}", Access::read,
             std::bind_front(&Databases::show, this));
  routes.keep_answers("/api/databases");
  routes.keep_answers("/api/databases/{id}");
  lifecycle_.add_routes(routes);
  orphans_.add_routes(routes);
}

Task<void> Databases::start() {
  tasks_.spawn("reconciler", reconciler_.run());
  co_return Result<void>{};
}

asio::awaitable<void> Databases::stop() {
  co_await tasks_.stop();
}

Task<http::Response> Databases::create(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(NewDatabase wanted, read_new_database(body, nodes_.status()));
  if (dry_run) co_return co_await plan_created(std::move(wanted), call.caller);
  if (call.earlier_job) {
    co_return co_await resume_create(std::move(*call.earlier_job), std::move(wanted));
  }
  NewCredential credential = make_credential(platform_.vault, 1);
  HOWDAH_CO_TRY(const CreateJob::Started started,
                co_await creating_.start(wanted, std::move(credential.kept), call.caller,
                                         call.request.request_id));
  HOWDAH_CO_TRY(const Job job, co_await finish_job(platform_, started.job_id));
  co_return co_await answer_created(started, job, std::move(wanted),
                                    std::move(credential.password));
}

// The same request came before, and howdahd ended before it answered: the job went on.
Task<http::Response> Databases::resume_create(JobId id, NewDatabase wanted) {
  HOWDAH_CO_TRY(const Job job, co_await platform_.jobs.wait(id, kWait));
  if (job.state == JobState::failed || job.state == JobState::cancelled) {
    co_return std::unexpected(error_of(job));
  }
  HOWDAH_CO_TRY(CreateJob::Earlier earlier, co_await creating_.find_earlier(job));
  co_return co_await answer_created(earlier.started, job, std::move(wanted),
                                    std::move(earlier.password));
}

// Everything the answer needs is at hand, so it costs no reading of the catalog.
Task<http::Response> Databases::answer_created(CreateJob::Started started, Job job,
                                               NewDatabase wanted, std::string password) {
  const std::string slug = text_of(job.memo, kMemoSlug);
  const bool done = job.state == JobState::finished;
  json::object data{{"id", started.database_id.str()}};
  if (!slug.empty()) {
    data["database_name"] = tenant_database(slug);
    data["username"] = owner_role(slug);
    data["password"] = password;
  }
  data["owner_email"] = wanted.owner_email;
  data["friendly_name"] = wanted.friendly_name;
  data["max_connections"] = wanted.max_connections;
  data["status"] = done ? "active" : "creating";
  data["created_at"] = to_rfc3339(started.created_at);
  if (!slug.empty()) {
    add_urls(data, make_login(platform_.config, slug, {}, std::move(password)), platform_.config);
  }
  HOWDAH_CO_TRY(json::array operations,
                co_await operation_summary(platform_.catalog.pool(), started.job_id));
  Envelope envelope{.data = std::move(data), .operations = std::move(operations)};
  if (done) {
    envelope.message = "Database created successfully";
    http::Response response = success(201, std::move(envelope));
    response.headers["Location"] = "/api/databases/" + started.database_id.str();
    co_return response;
  }
  envelope.message = "The database is still being made; its operation tells when it is ready";
  co_return accepted(started.job_id.str(), std::move(envelope));
}

Task<http::Response> Databases::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  const bool deleted_too = query.flag("includeDeleted");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const auto databases,
                co_await database_store::list(
                    platform_.catalog.pool(),
                    {call.caller.organisation_id, call.caller.database_id, deleted_too}, page));
  std::vector<ListRow> rows;
  rows.reserve(databases.size());
  for (const Database& database : databases) {
    rows.push_back({to_json(database, nodes_), {database.created_at, database.id.str()}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

Task<http::Response> Databases::show(Call call) {
  HOWDAH_CO_CHECK(no_query(call.request));
  HOWDAH_CO_TRY(const auto preconditions, Preconditions::of(call.request));
  HOWDAH_CO_TRY(const Database database,
                co_await database_store::find(platform_.catalog.pool(),
                                              DatabaseId(call.request.parameters.at("id"))));
  HOWDAH_CO_CHECK(check_not_deleted(database));
  json::object data = to_json(database, nodes_);
  std::string etag = etag_of(std::to_string(database.version), data);
  co_return tagged(call.request, preconditions, std::move(etag),
                   success(200, {.data = std::move(data)}));
}

Task<http::Response> Databases::plan_created(NewDatabase wanted, Principal caller) {
  HOWDAH_CO_TRY(const CreateJob::Planned planned, co_await creating_.plan(wanted, caller));
  Plan plan{.action = "database.create",
            .friendly_name = wanted.friendly_name,
            .changes = {{"status", {{"from", nullptr}, {"to", "active"}}}},
            .steps = planned.steps};
  if (!wanted.allowed_ips.empty()) {
    plan.changes["firewall_rules"] = {{"from", 0}, {"to", wanted.allowed_ips.size()}};
  }
  co_return plan_response(plan);
}

}  // namespace howdah::control
