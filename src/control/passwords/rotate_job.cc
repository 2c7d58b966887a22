// SPDX-License-Identifier: Apache-2.0
#include "control/passwords/rotate_job.h"

#include <functional>
#include <utility>

#include "control/databases/admission.h"
#include "control/databases/database_job.h"
#include "control/databases/database_store.h"
#include "control/idempotency/effect.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

// In the memo, once the gates were told: what is missing.
constexpr std::string_view kMemoMissing = "missing";

Result<Credential> credential_of(const Vault& vault, const boost::json::object& payload) {
  return credential_from_payload(vault, payload.at("credential").as_object());
}

}  // namespace

void RotateJob::add_to(JobEngine& jobs) {
  const Step store{.name = "store the password",
                   .commit = std::bind_front(&RotateJob::store, this)};
  const Step tell{.name = "tell the gates",
                  .work = std::bind_front(&RotateJob::tell_gates, this),
                  .timeout = 10s};
  const Step write{.name = "write it into the instances",
                   .work = std::bind_front(&RotateJob::write_inside, this),
                   .timeout = 60s};
  jobs.add(JobKind{std::string(kKind), {store, tell, write}, 20, {}});
}

Task<JobId> RotateJob::start(Order order) {
  co_return co_await platform_.catalog.pool().transaction<JobId>(
      std::bind_front(&RotateJob::enqueue, this, std::move(order)));
}

Task<JobId> RotateJob::enqueue(Order order, pg::Connection& connection) {
  NewJob job;
  job.kind = kKind;
  job.exclusive_key = exclusive_key(order.database_id);
  job.payload = database_job_payload(order.database_id, order.present.friendly_name, order.caller,
                                     order.request_id);
  job.payload.emplace("role", order.present.role);
  job.payload.emplace("grace_s", order.wish.grace.count());
  job.payload.emplace("cut_sessions", order.wish.cut_sessions);
  job.payload.emplace("credential", to_payload(platform_.vault, order.credential));
  job.watch = Watch{
      "Change the password of " + order.present.role, order.database_id, {}, order.caller.actor};
  HOWDAH_CO_TRY(const JobId id, co_await platform_.jobs.enqueue(connection, std::move(job),
                                                                JobEngine::Start::here));
  HOWDAH_CO_CHECK(co_await tie_to_request(connection, order.caller, id));
  co_return id;
}

Result<RotateJob::Outcome> RotateJob::outcome_of(const Job& job) const {
  HOWDAH_TRY(const Credential credential, credential_of(platform_.vault, job.payload));
  Outcome outcome;
  outcome.database_id = DatabaseId(text_of(job.payload, "database_id"));
  outcome.role = text_of(job.payload, "role");
  outcome.generation = credential.generation;
  HOWDAH_TRY(outcome.password, unseal_password(platform_.vault, credential));
  outcome.grace = std::chrono::seconds{job.payload.at("grace_s").as_int64()};
  outcome.cut_sessions = job.payload.at("cut_sessions").as_bool();
  if (job.memo.contains(kMemoMissing)) outcome.missing = text_of(job.memo, kMemoMissing);
  return outcome;
}

Task<void> RotateJob::store(StepRun& run, pg::Connection& connection) {
  HOWDAH_CO_TRY(Credential credential, credential_of(platform_.vault, run.payload()));
  const std::string role = text_of(run.payload(), "role");
  HOWDAH_CO_TRY(const auto present,
                co_await password_store::lock(connection, database_of(run), role));
  // Its salt was chosen to go with the one before it.
  if (present.generation + 1 != credential.generation) {
    co_return fail(ErrorCode::conflict, "the password was changed by somebody else just now",
                   "try again");
  }
  const std::int64_t generation = credential.generation;
  const std::chrono::seconds grace{run.payload().at("grace_s").as_int64()};
  const bool cut = run.payload().at("cut_sessions").as_bool();
  HOWDAH_CO_CHECK(co_await password_store::rotate(
      connection, {present.role_id, std::move(credential), grace, cut}));
  co_return co_await audit_database_job(platform_, run, connection,
                                        {std::string(kKind),
                                         {{"role", role},
                                          {"generation", generation},
                                          {"grace_s", grace.count()},
                                          {"cut_sessions", cut}}});
}

Task<void> RotateJob::tell_gates(StepRun& run) {
  HOWDAH_CO_TRY(auto ids,
                co_await database_store::branch_ids(platform_.catalog.pool(), database_of(run)));
  const auto published = co_await routes_.publish(std::move(ids));
  const std::string missing = missing_gates(published);
  if (!missing.empty()) run.log(missing);
  run.memo()[kMemoMissing] = missing;
  co_return Result<void>{};
}

// No login depends on it: an instance that cannot be written now gets it before its next start.
Task<void> RotateJob::write_inside(StepRun& run) {
  HOWDAH_CO_TRY(const Credential credential, credential_of(platform_.vault, run.payload()));
  const nodeapi::RolePassword password{text_of(run.payload(), "role"), credential.verifier};
  HOWDAH_CO_TRY(const auto branches,
                co_await database_store::branches(platform_.catalog.pool(), database_of(run)));
  for (const auto& branch : branches) {
    if (branch.instance_id.empty()) continue;
    const auto written = co_await platform_.node.set_roles(branch.instance_id, {password});
    if (written) continue;
    if (is_retryable(written.error().code)) co_return written;
    run.log("not written into " + branch.instance_id.str() + ": " + written.error().message);
  }
  co_return Result<void>{};
}

}  // namespace howdah::control
