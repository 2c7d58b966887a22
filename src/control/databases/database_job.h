// SPDX-License-Identifier: Apache-2.0
// What every job on a database does alike: its payload's common fields, its audit rows, its log.
#pragma once
#include <string>
#include <string_view>

#include "control/jobs/job.h"
#include "control/platform.h"
#include "control/routing/publisher.h"

namespace howdah::control {

// Empty where the field is missing or no text.
std::string text_of(const boost::json::object& object, std::string_view name);

// The payload fields every job on a database has: database_id, friendly_name, and who asked for it.
boost::json::object database_job_payload(const DatabaseId& id, const std::string& friendly_name,
                                         const Principal& caller, const std::string& request_id);
DatabaseId database_of(const StepRun& run);

struct JobAudit {
  std::string action;           // "database.create"
  boost::json::object details;  // beside the database's name and the operation's id
};
// An audit row by who asked for the job.
Task<void> audit_database_job(Platform& platform, StepRun& run, pg::Connection& connection,
                              JobAudit audit);

// What keeps the job's change from being in force on every port, as a sentence; missing or empty:
// nothing does.
inline constexpr std::string_view kMemoMissingGates = "missing_gates";
// Remembers gates that have not acknowledged: in the log, and for whoever answers the caller.
void note_unanswered(StepRun& run, const Published& published);
// Brings the routes of all branches of the job's database to the gates, as the catalog has them.
Task<void> publish_database(Platform& platform, RoutePublisher& routes, StepRun& run);

// Runs a job of Start::here on behalf of a request, for 30 s at most. A step that is tried again is
// waited for as well: the caller shall learn how it ended. Errors: of a job that failed.
Task<Job> finish_job(Platform& platform, JobId id);

}  // namespace howdah::control
