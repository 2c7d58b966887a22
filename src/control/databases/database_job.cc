// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database_job.h"

#include <utility>

#include "control/databases/database_store.h"

namespace howdah::control {

std::string text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

boost::json::object database_job_payload(const DatabaseId& id, const std::string& friendly_name,
                                         const Principal& caller, const std::string& request_id) {
  return {{"database_id", id.str()},
          {"friendly_name", friendly_name},
          {"actor", caller.actor},
          {"remote_address", caller.remote_address},
          {"request_id", request_id}};
}

DatabaseId database_of(const StepRun& run) {
  return DatabaseId(text_of(run.payload(), "database_id"));
}

Task<void> audit_database_job(Platform& platform, StepRun& run, pg::Connection& connection,
                              JobAudit audit) {
  Principal caller;
  caller.actor = text_of(run.payload(), "actor");
  caller.remote_address = text_of(run.payload(), "remote_address");
  AuditEntry entry;
  entry.action = std::move(audit.action);
  entry.subject = "database:" + database_of(run).str();
  entry.database_id = database_of(run);
  entry.request_id = text_of(run.payload(), "request_id");
  entry.details = {{"friendly_name", text_of(run.payload(), "friendly_name")}};
  for (const auto& field : audit.details)
    entry.details.insert_or_assign(field.key(), field.value());
  entry.details.emplace("operation_id", run.id().str());
  co_return co_await platform.audit.append(connection, std::move(caller), std::move(entry));
}

void note_unanswered(StepRun& run, const Published& published) {
  run.memo()[kMemoMissingGates] = missing_gates(published);
  for (const GateId& gate : published.waiting_for) {
    run.log("gate " + gate.str() + " has not answered yet");
  }
}

Task<void> publish_database(Platform& platform, RoutePublisher& routes, StepRun& run) {
  HOWDAH_CO_TRY(auto ids,
                co_await database_store::branch_ids(platform.catalog.pool(), database_of(run)));
  // A purged database cannot be asked for its branches any more.
  const std::string main_branch = text_of(run.payload(), "branch_id");
  if (!main_branch.empty()) ids.emplace_back(main_branch);
  HOWDAH_CO_TRY(const Published published, co_await routes.publish(std::move(ids)));
  note_unanswered(run, published);
  co_return Result<void>{};
}

Task<Job> finish_job(Platform& platform, JobId id) {
  constexpr milliseconds kWait{30'000};
  const auto give_up = std::chrono::steady_clock::now() + kWait;
  HOWDAH_CO_TRY(Job job, co_await platform.jobs.run_now(id, kWait));
  const auto left =
      std::chrono::duration_cast<milliseconds>(give_up - std::chrono::steady_clock::now());
  if (!is_final(job.state) && left > milliseconds{0}) {
    HOWDAH_CO_TRY(job, co_await platform.jobs.wait(id, left));
  }
  if (job.state == JobState::failed || job.state == JobState::cancelled) {
    co_return std::unexpected(error_of(job));
  }
  co_return job;
}

}  // namespace howdah::control
