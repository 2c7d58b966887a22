// SPDX-License-Identifier: Apache-2.0
// Operations as the API shows them: reading and JSON. Making one: JobEngine::enqueue with a Watch.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/envelope.h"
#include "control/jobs/job.h"
#include "pg/pool.h"

namespace howdah::control {

struct OperationStep {
  std::string name;
  std::string state;  // scheduling running finished failed cancelled skipped
  std::optional<Timestamp> started_at, finished_at;
};

struct Operation {
  OperationId id;
  std::string kind, title, created_by;
  JobState state = JobState::scheduling;
  std::string database_id, branch_id;  // empty: none
  int percent = 0;
  std::optional<std::int64_t> bytes_done, bytes_total;
  std::string error_code, error_message, error_hint;
  boost::json::object result;
  std::vector<OperationStep> steps;
  std::vector<std::string> log;  // the last 100 lines
  Timestamp created_at;
  std::optional<Timestamp> started_at, finished_at;
};

boost::json::object to_json(const Operation& operation);

// Errors: not_found.
Task<Operation> read_operation(pg::Pool& pool, OperationId id);
// For the `operations` part of an envelope: the one operation, short.
Task<boost::json::array> operation_summary(pg::Pool& pool, OperationId id);

// Seconds a client is ready to wait ("Prefer: wait=30"), at most 60; empty: it did not say.
std::optional<std::chrono::seconds> preferred_wait(const http::Request& request);

}  // namespace howdah::control
