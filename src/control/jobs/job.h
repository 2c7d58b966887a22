// SPDX-License-Identifier: Apache-2.0
// Durable work: a job is a row in the catalog that a worker carries through its kind's steps. An
// operation is a job that a user can watch; both have the same id.
#pragma once
#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "pg/connection.h"

namespace howdah::control {

using JobId = OperationId;

// scheduling: waits for due_at (first run, or the next attempt). cancelling: asked to stop, not
// stopped yet. finished, failed, cancelled and skipped are final.
enum class JobState { scheduling, running, finished, failed, cancelling, cancelled, skipped };
std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view text);
bool is_final(JobState state);

// What makes a job an operation.
struct Watch {
  std::string title;  // "Create database shop"
  std::optional<DatabaseId> database_id = {};
  std::optional<BranchId> branch_id = {};
  std::string created_by;
};

struct NewJob {
  std::string kind;
  boost::json::object payload = {};  // small, typed by the kind; never a secret in clear
  // No two unfinished jobs have the same: "database:<id>". Empty: none.
  std::string exclusive_key = {};
  std::optional<Timestamp> due_at = {};  // empty: now
  std::optional<Watch> watch = {};
};

struct Job {
  JobId id;
  std::string kind;
  boost::json::object payload;
  JobState state = JobState::scheduling;
  std::size_t step = 0;  // steps completed
  int attempt = 0;       // of the present step: 1, 2, ...
  boost::json::object memo;
  boost::json::object result;
  std::string error_code;     // of the last failure; empty: none
  std::string error_message;  // public
  std::string error_hint;     // public; empty: none
  // The last failure with all it says, where this process has seen it itself.
  std::optional<Error> failure;
};
// Why a job failed, as well as it is known here. Only for a job with an error_code.
Error error_of(const Job& job);

// What a step sees of its job. Valid while the step runs.
class StepRun {
 public:
  explicit StepRun(Job& job) : job_(job) {}
  const JobId& id() const { return job_.id; }
  const boost::json::object& payload() const { return job_.payload; }
  int attempt() const { return job_.attempt; }
  // Facts for later steps, stored with this step's completion; never a secret in clear.
  boost::json::object& memo() { return job_.memo; }
  // Public: shown in the operation.
  boost::json::object& result() { return job_.result; }

  // A line in the operation's log, stored at the next chance (at most 200 between two).
  void log(std::string line);
  // percent: of the whole operation, 0-100. Stored at most once a second.
  void progress(int percent, std::optional<std::int64_t> bytes_done = {},
                std::optional<std::int64_t> bytes_total = {});
  // A person asked to stop: a long step looks at it and returns ErrorCode::cancelled.
  bool cancel_requested() const { return cancel_requested_; }
  // There is nothing to do: after this step the job ends as `skipped`.
  void skip(std::string reason);

 private:
  friend class JobRunner;
  friend class JobEngine;  // and its Impl
  struct Progress {
    int percent;
    std::optional<std::int64_t> bytes_done, bytes_total;
  };
  Job& job_;
  bool cancel_requested_ = false;
  std::vector<std::string> lines_;
  std::optional<Progress> progress_;
  std::optional<std::string> skipped_;
};

// One step. work: effects outside the catalog; it may run more than once, so it must be
// idempotent. commit: SQL in the transaction that marks the step completed: it takes effect
// exactly once (audit_log.append last); memo and result are stored before it, so it only reads
// them. Either may be missing. Both are coroutine functions bound
// to an object that outlives the engine.
struct Step {
  std::string name;  // "claim an instance": shown to the user
  std::function<Task<void>(StepRun&)> work = {};
  std::function<Task<void>(StepRun&, pg::Connection&)> commit = {};
  milliseconds timeout{60'000};
};

// A kind of job. Errors that another attempt cannot change (invalid_request, conflict, not_found,
// ...; see is_retryable) end the job at once, others after attempts_max attempts of one step.
struct JobKind {
  std::string name;  // "database.create"
  std::vector<Step> steps;
  int attempts_max = 5;
  // After a job failed for good or was cancelled: takes back what it made. Idempotent; an error is
  // logged and left to the reconciler. `commit` of it runs in the transaction of the final state.
  Step undo = {};
};

bool is_retryable(ErrorCode code);

// A job that comes again and again. Swept from next_due: a lost run never stops the next one.
struct Schedule {
  std::string name;  // "catalog.dump"
  std::string kind;
  boost::json::object payload = {};
  // Either a period, or a local time of day (every day).
  std::optional<std::chrono::seconds> every = {};
  struct TimeOfDay {
    int hour = 0;
    int minute = 0;
  };
  std::optional<TimeOfDay> daily_at = {};
};

// The next time after `after`. A time of day that a clock change skips runs right after the gap.
Timestamp next_due(const Schedule& schedule, Timestamp after);

}  // namespace howdah::control
