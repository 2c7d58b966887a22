// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/job.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace howdah::control {
namespace {

constexpr std::size_t kLinesMax = 200;
constexpr std::size_t kLineSizeMax = 2'000;

constexpr std::array<std::pair<JobState, std::string_view>, 7> kStates{{
    {JobState::scheduling, "scheduling"},
    {JobState::running, "running"},
    {JobState::finished, "finished"},
    {JobState::failed, "failed"},
    {JobState::cancelling, "cancelling"},
    {JobState::cancelled, "cancelled"},
    {JobState::skipped, "skipped"},
}};

// The time of day on the calendar day that lies `days` after the one of `after`, local time.
Timestamp local_time(const Schedule::TimeOfDay& wanted, Timestamp after, int days) {
  const std::time_t seconds =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(after));
  std::tm local{};
  ::localtime_r(&seconds, &local);
  local.tm_mday += days;
  local.tm_hour = wanted.hour;
  local.tm_min = wanted.minute;
  local.tm_sec = 0;
  local.tm_isdst = -1;
  std::time_t due = std::mktime(&local);
  // A time inside the gap of a clock change does not exist; mktime may answer one before the gap.
  if (local.tm_hour * 60 + local.tm_min < wanted.hour * 60 + wanted.minute) due += 3'600;
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::from_time_t(due));
}

}  // namespace

std::string_view to_string(JobState state) {
  return std::ranges::find(kStates, state, &std::pair<JobState, std::string_view>::first)->second;
}

std::optional<JobState> parse_job_state(std::string_view text) {
  for (const auto& [state, name] : kStates) {
    if (name == text) return state;
  }
  return std::nullopt;
}

bool is_final(JobState state) {
  return state == JobState::finished || state == JobState::failed || state == JobState::cancelled ||
         state == JobState::skipped;
}

Error error_of(const Job& job) {
  if (job.failure) return *job.failure;
  Error error;
  error.message = job.error_message;
  error.hint = job.error_hint;
  for (const ErrorInfo& info : kErrorInfos) {
    if (info.name == job.error_code) error.code = info.code;
  }
  return error;
}

void StepRun::log(std::string line) {
  if (line.size() > kLineSizeMax) line.resize(kLineSizeMax);
  if (lines_.size() == kLinesMax) {
    lines_.back() = "(more lines were left out)";
    return;
  }
  lines_.push_back(std::move(line));
}

void StepRun::progress(int percent, std::optional<std::int64_t> bytes_done,
                       std::optional<std::int64_t> bytes_total) {
  progress_ = Progress{std::clamp(percent, 0, 100), bytes_done, bytes_total};
}

void StepRun::skip(std::string reason) {
  skipped_ = std::move(reason);
}

bool is_retryable(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_request:
    case ErrorCode::unauthorized:
    case ErrorCode::forbidden:
    case ErrorCode::not_found:
    case ErrorCode::method_not_allowed:
    case ErrorCode::conflict:
    case ErrorCode::database_deleted:
    case ErrorCode::precondition_failed:
    case ErrorCode::too_large:
    case ErrorCode::unprocessable:
    case ErrorCode::unsupported:
    case ErrorCode::config_invalid:
    case ErrorCode::seal_broken:
    case ErrorCode::no_postgres:
    case ErrorCode::memory_full:  // what could make room for it was put to sleep before
    case ErrorCode::cancelled:
      return false;
    default:
      return true;
  }
}

Timestamp next_due(const Schedule& schedule, Timestamp after) {
  if (schedule.every) return after + *schedule.every;
  const Schedule::TimeOfDay wanted = schedule.daily_at.value_or(Schedule::TimeOfDay{});
  const Timestamp today = local_time(wanted, after, 0);
  return today > after ? today : local_time(wanted, after, 1);
}

}  // namespace howdah::control
