// SPDX-License-Identifier: Apache-2.0
#include "control/databases/create_job.h"

#include <functional>
#include <utility>

#include "control/databases/admission.h"
#include "control/databases/database_job.h"
#include "control/databases/database_store.h"
#include "control/databases/sample_data.h"
#include "control/firewall/firewall.h"
#include "control/idempotency/effect.h"
#include "control/organisation/organisation.h"
#include "control/rehearsal.h"
#include "crypto/random.h"
#include "model/names.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kKind = "database.create";
constexpr std::string_view kKindWithSample = "database.create_with_sample";

std::int64_t number(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::string_view kind_of(const NewDatabase& wanted) {
  return wanted.sample_data ? kKindWithSample : kKind;
}

BranchId branch_of(const StepRun& run) {
  return BranchId(text_of(run.payload(), "branch_id"));
}
std::string holder_of(const StepRun& run) {
  return "job:" + run.id().str().substr(0, 8);
}

}  // namespace

void CreateJob::add_to(JobEngine& jobs) {
  const Step route{.name = "open the route",
                   .work = std::bind_front(&CreateJob::open_route, this),
                   .timeout = 10s};
  const auto claiming = [this](bool activates) {
    return Step{.name = "claim an instance",
                .work = std::bind_front(&CreateJob::claim, this),
                .commit = std::bind_front(&CreateJob::store_claim, this, activates),
                .timeout = 60s};
  };
  const Step sample{.name = "load sample data",
                    .work = std::bind_front(&CreateJob::load_sample, this),
                    .commit = std::bind_front(&CreateJob::activate, this),
                    .timeout = 60s};
  const Step undo{.name = "take everything back",
                  .work = std::bind_front(&CreateJob::undo, this),
                  .commit = std::bind_front(&CreateJob::forget, this)};
  jobs.add(JobKind{std::string(kKind), {claiming(true), route}, 3, undo});
  jobs.add(JobKind{std::string(kKindWithSample), {claiming(false), sample, route}, 3, undo});
}

Task<CreateJob::Started> CreateJob::start(NewDatabase wanted, Credential credential,
                                          Principal caller, std::string request_id) {
  Wish wish{std::move(caller),
            std::move(request_id),
            std::move(wanted),
            {DatabaseId(crypto::make_uuid()), BranchId(crypto::make_uuid()), {}, {}},
            to_payload(platform_.vault, credential),
            nodes_.node_id()};
  co_return co_await platform_.catalog.pool().transaction<Started>(
      std::bind_front(&CreateJob::store, this, std::move(wish)));
}

Task<CreateJob::Planned> CreateJob::plan(NewDatabase wanted, Principal caller) {
  const std::string kind(kind_of(wanted));
  Wish wish{std::move(caller),
            {},
            std::move(wanted),
            {DatabaseId(crypto::make_uuid()), BranchId(crypto::make_uuid()), {}, {}},
            {},
            nodes_.node_id()};
  HOWDAH_CO_CHECK(co_await rehearse<Timestamp>(
      platform_.catalog.pool(), std::bind_front(&CreateJob::insert, this, std::move(wish))));
  co_return Planned{platform_.jobs.step_names(kind)};
}

Task<Timestamp> CreateJob::insert(Wish wish, pg::Connection& connection) {
  HOWDAH_CO_CHECK(co_await check_room_for_database(connection, wish.caller.organisation_id,
                                                   wish.wanted.storage_limit_bytes));
  co_return co_await database_store::insert(
      connection, {wish.ids.database_id, wish.ids.branch_id, wish.node_id,
                   wish.caller.organisation_id, wish.wanted, wish.caller.actor});
}

Task<CreateJob::Started> CreateJob::store(Wish wish, pg::Connection& connection) {
  const NewDatabase& wanted = wish.wanted;
  HOWDAH_CO_TRY(wish.ids.created_at, co_await insert(wish, connection));
  NewJob job;
  job.kind = kind_of(wanted);
  job.exclusive_key = exclusive_key(wish.ids.database_id);
  job.payload = database_job_payload(wish.ids.database_id, wanted.friendly_name, wish.caller,
                                     wish.request_id);
  job.payload.emplace("branch_id", wish.ids.branch_id.str());
  job.payload.emplace("pg_major", wanted.pg_major);
  job.payload.emplace("size_class", wanted.size_class);
  job.payload.emplace("suspend_after_s", wanted.suspend_after_s);
  job.payload.emplace("max_connections", wanted.max_connections);
  job.payload.emplace("storage_limit_bytes", wanted.storage_limit_bytes.value_or(0));
  job.payload.emplace("settings", to_json(wanted.settings));
  job.payload.emplace("credential", wish.credential);
  job.watch = Watch{"Create database " + wanted.friendly_name, wish.ids.database_id,
                    wish.ids.branch_id, wish.caller.actor};
  HOWDAH_CO_TRY(wish.ids.job_id, co_await platform_.jobs.enqueue(connection, std::move(job),
                                                                 JobEngine::Start::here));
  HOWDAH_CO_CHECK(co_await tie_to_request(connection, wish.caller, wish.ids.job_id));
  // Before its route is open to anybody.
  HOWDAH_CO_CHECK(co_await insert_first_rules(
      platform_.audit, connection,
      {wish.ids.database_id, wanted.allowed_ips, wish.caller, wish.request_id}));
  co_return wish.ids;
}

Task<CreateJob::Earlier> CreateJob::find_earlier(Job job) {
  Earlier earlier;
  earlier.started = {DatabaseId(text_of(job.payload, "database_id")),
                     BranchId(text_of(job.payload, "branch_id")),
                     job.id,
                     {}};
  HOWDAH_CO_TRY(
      const Database database,
      co_await database_store::find(platform_.catalog.pool(), earlier.started.database_id));
  earlier.started.created_at = database.created_at;
  HOWDAH_CO_TRY(const Credential credential,
                credential_from_payload(platform_.vault, job.payload.at("credential").as_object()));
  HOWDAH_CO_TRY(earlier.password, unseal_password(platform_.vault, credential));
  co_return earlier;
}

Task<void> CreateJob::claim(StepRun& run) {
  HOWDAH_CO_TRY(
      const Credential credential,
      credential_from_payload(platform_.vault, run.payload().at("credential").as_object()));
  nodeapi::ClaimRequest request;
  request.token = branch_of(run).str();
  request.pg_major = static_cast<int>(number(run.payload(), "pg_major"));
  request.size_class = text_of(run.payload(), "size_class");
  request.suspend_after_s = number(run.payload(), "suspend_after_s");
  request.max_connections = number(run.payload(), "max_connections");
  request.storage_limit_bytes = number(run.payload(), "storage_limit_bytes");
  if (const auto* settings = run.payload().if_contains("settings")) {
    request.settings = settings_from_text(boost::json::serialize(*settings));
  }
  request.owner_verifier = credential.verifier;
  HOWDAH_CO_TRY(const nodeapi::Instance instance, co_await platform_.node.claim(request));
  run.memo() = {{"instance_id", instance.id.str()},
                {kMemoSlug, instance.slug},
                {"pg_major", instance.pg_major},
                {"size_class", instance.size_class},
                {"system_identifier", std::to_string(instance.system_identifier)}};
  co_return Result<void>{};
}

Task<void> CreateJob::store_claim(bool activate, StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(
      Credential credential,
      credential_from_payload(platform_.vault, run.payload().at("credential").as_object()));
  database_store::Claimed claimed;
  claimed.id = database_of(run);
  claimed.main_branch = branch_of(run);
  claimed.instance_id = InstanceId(text_of(run.memo(), "instance_id"));
  claimed.slug = text_of(run.memo(), kMemoSlug);
  claimed.pg_major = static_cast<int>(number(run.memo(), "pg_major"));
  claimed.size_class = text_of(run.memo(), "size_class");
  claimed.system_identifier = std::stoull(text_of(run.memo(), "system_identifier"));
  claimed.credential = std::move(credential);
  HOWDAH_CO_CHECK(co_await database_store::store_claim(connection, std::move(claimed), activate));
  run.result() = {{"database_id", database_of(run).str()},
                  {"database_name", tenant_database(text_of(run.memo(), kMemoSlug))},
                  {"instance_id", text_of(run.memo(), "instance_id")}};
  if (!activate) co_return Result<void>{};
  co_return co_await audit(run, connection, "database.create");
}

Task<void> CreateJob::load_sample(StepRun& run) {
  const InstanceId id(text_of(run.memo(), "instance_id"));
  HOWDAH_CO_TRY(const nodeapi::Instance instance,
                co_await platform_.node.acquire(id, {holder_of(run), "load sample data", 60}));
  auto loaded = co_await load_sample_data(instance);
  (void)co_await platform_.node.release(id, holder_of(run));
  co_return loaded;
}

Task<void> CreateJob::activate(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_CHECK(co_await database_store::activate(connection, database_of(run)));
  co_return co_await audit(run, connection, "database.create");
}

// The database is complete without this: gates also learn the route at the next comparison. So it
// never fails a job that has made everything.
Task<void> CreateJob::open_route(StepRun& run) {
  const auto published = co_await routes_.publish({branch_of(run)});
  if (!published) {
    run.log("the route follows within 30 s: " + published.error().message);
    co_return Result<void>{};
  }
  note_unanswered(run, *published);
  co_return Result<void>{};
}

Task<void> CreateJob::undo(StepRun& run) {
  // Cancelled after it was complete: it stays.
  const auto database = co_await database_store::find(platform_.catalog.pool(), database_of(run));
  if (!database && database.error().code != ErrorCode::not_found) {
    co_return std::unexpected(database.error());
  }
  if (database && database->status != "creating") co_return Result<void>{};
  // The claim may have happened without an answer, so the node is asked by token.
  HOWDAH_CO_TRY(const auto instances, co_await platform_.node.instances());
  for (const nodeapi::Instance& instance : instances) {
    if (instance.token != branch_of(run).str()) continue;
    HOWDAH_CO_CHECK(co_await platform_.node.remove(instance.id, true));
  }
  co_return Result<void>{};
}

Task<void> CreateJob::forget(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(const bool removed,
                co_await database_store::remove_creating(connection, database_of(run)));
  if (!removed) co_return Result<void>{};
  co_return co_await audit(run, connection, "database.create_failed");
}

Task<void> CreateJob::audit(StepRun& run, pg::Connection& connection, std::string action) {
  co_return co_await audit_database_job(platform_, run, connection,
                                        {std::move(action),
                                         {{"slug", text_of(run.memo(), kMemoSlug)},
                                          {"instance_id", text_of(run.memo(), "instance_id")}}});
}

}  // namespace howdah::control
