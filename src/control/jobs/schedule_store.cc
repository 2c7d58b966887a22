// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/schedule_store.h"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace howdah::control::schedule_store {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;

std::string cadence_of(const Schedule& schedule) {
  if (schedule.every) return fmt::format("every {} s", schedule.every->count());
  const auto at = schedule.daily_at.value_or(Schedule::TimeOfDay{});
  return fmt::format("daily {:02}:{:02}", at.hour, at.minute);
}

}  // namespace

Task<void> declare(pg::Connection& connection, Schedule schedule) {
  HOWDAH_CO_TRY(const pg::Rows clock,
                co_await connection.query("SELECT clock_timestamp()::timestamptz(3) AS now"));
  const Timestamp now = clock.time(0, "now").value_or(howdah::now());
  HOWDAH_CO_CHECK(co_await connection.query(
      "INSERT INTO howdah.schedules AS s (name, kind, payload, cadence, period_s, next_due) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, "
      "payload = excluded.payload, cadence = excluded.cadence, period_s = excluded.period_s, "
      "next_due = CASE s.cadence WHEN excluded.cadence THEN s.next_due "
      "ELSE excluded.next_due END",
      {schedule.name, schedule.kind, boost::json::serialize(schedule.payload), cadence_of(schedule),
       pg::param(schedule.every ? std::int64_t{schedule.every->count()} : kDaySeconds),
       pg::param(next_due(schedule, now))}));
  co_return Result<void>{};
}

Task<std::vector<Due>> take(pg::Connection& connection, std::vector<std::string> names) {
  // An hour and a bit: days of 25 hours exist.
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(
          "SELECT name, clock_timestamp()::timestamptz(3) AS now, next_due <= now() AS late "
          "FROM howdah.schedules WHERE name = ANY (string_to_array($1, ',')) AND (next_due <= "
          "now() OR next_due > now() + period_s * interval '1 s' + interval '70 min') "
          "ORDER BY next_due FOR UPDATE SKIP LOCKED",
          {fmt::format("{}", fmt::join(names, ","))}));
  std::vector<Due> due;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    due.push_back({rows.text(row, "name"), rows.time(row, "now").value_or(howdah::now()),
                   rows.boolean(row, "late")});
  }
  co_return due;
}

Task<void> set_next(pg::Connection& connection, std::string name, Timestamp next,
                    std::optional<JobId> job) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.schedules SET next_due = $2, last_job_id = coalesce($3, last_job_id), "
      "last_enqueued_at = CASE WHEN $3::uuid IS NULL THEN last_enqueued_at ELSE now() END "
      "WHERE name = $1",
      {name, pg::param(next), job ? pg::Value(job->str()) : pg::Value()}));
  co_return Result<void>{};
}

Task<std::optional<milliseconds>> until_next_due(pg::Pool& pool) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query("SELECT least(86400000, greatest(0, ceil(1000 * extract(epoch FROM "
                          "min(next_due) - clock_timestamp()))))::bigint AS wait_ms "
                          "FROM howdah.schedules HAVING count(*) > 0"));
  if (rows.empty()) co_return std::nullopt;
  co_return milliseconds{rows.integer(0, "wait_ms")};
}

}  // namespace howdah::control::schedule_store
