// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/job_store.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/random.h"

namespace howdah::control::job_store {
namespace {

constexpr std::string_view kColumns =
    "id, kind, payload, state, step, attempt, memo, result, error_code, error_message, "
    "error_hint";

json::object object_of(const pg::Rows& rows, std::size_t row, std::string_view column) {
  const auto value = parse_json(rows.text(row, column));
  return value && value->is_object() ? value->get_object() : json::object{};
}

Job to_job(const pg::Rows& rows, std::size_t row) {
  Job job;
  job.id = JobId(rows.text(row, "id"));
  job.kind = rows.text(row, "kind");
  job.payload = object_of(rows, row, "payload");
  job.state = parse_job_state(rows.text(row, "state")).value_or(JobState::failed);
  job.step = static_cast<std::size_t>(rows.integer(row, "step"));
  job.attempt = static_cast<int>(rows.integer(row, "attempt"));
  job.memo = object_of(rows, row, "memo");
  job.result = object_of(rows, row, "result");
  job.error_code = rows.text(row, "error_code");
  job.error_message = rows.text(row, "error_message");
  job.error_hint = rows.text(row, "error_hint");
  return job;
}

pg::Value duration(milliseconds time) {
  return pg::param(static_cast<std::int64_t>(time.count()));
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

}  // namespace

Task<std::optional<JobId>> insert(pg::Connection& connection, NewJob job,
                                  std::optional<Lease> lease) {
  const JobId id(crypto::make_uuid());
  const auto text = [](const std::string& value) {
    return value.empty() ? pg::Value() : pg::Value(value);
  };
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(
          "INSERT INTO howdah.jobs (id, kind, payload, exclusive_key, state, attempt, due_at, "
          "started_at, lease_token, lease_owner) "
          "SELECT $1, $2, $3, $4, CASE WHEN held THEN 'running' ELSE 'scheduling' END, "
          "held::integer, CASE WHEN held THEN clock_timestamp() + $8::bigint * interval '1 ms' "
          "ELSE coalesce($5, now()) END, CASE WHEN held THEN now() END, $6, $7 "
          "FROM (SELECT $6::uuid IS NOT NULL) AS start (held) "
          "ON CONFLICT (exclusive_key) WHERE state IN ('scheduling', 'running', 'cancelling') "
          "DO NOTHING RETURNING id",
          {id.str(), job.kind, json::serialize(job.payload), text(job.exclusive_key),
           job.due_at ? pg::param(*job.due_at) : pg::Value(),
           lease ? pg::Value(lease->token) : pg::Value(),
           lease ? pg::Value(lease->owner) : pg::Value(),
           duration(lease ? lease->duration : milliseconds{0})}));
  if (rows.empty()) co_return std::nullopt;
  if (!lease) HOWDAH_CO_CHECK(co_await connection.query("SELECT pg_notify('howdah_jobs', '')"));
  co_return id;
}

Task<std::optional<Blocking>> find_exclusive(pg::Connection& connection, std::string key) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "SELECT j.id, coalesce(o.title, j.kind) AS title FROM howdah.jobs j "
                    "LEFT JOIN howdah.operations o ON o.id = j.id WHERE j.exclusive_key = $1 "
                    "AND j.state IN ('scheduling', 'running', 'cancelling')",
                    {key}));
  if (rows.empty()) co_return std::nullopt;
  co_return Blocking{JobId(rows.text(0, "id")), rows.text(0, "title")};
}

Task<std::vector<LeasedJob>> take(pg::Pool& pool, Taking taking) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          fmt::format(
              "UPDATE howdah.jobs SET "
              "state = CASE state WHEN 'cancelling' THEN state ELSE 'running' END, "
              "attempt = attempt + 1, due_at = clock_timestamp() + $2::bigint * interval '1 ms', "
              "started_at = coalesce(started_at, now()), lease_token = gen_random_uuid(), "
              "lease_owner = $1 "
              "WHERE id IN (SELECT id FROM howdah.jobs "
              "WHERE state IN ('scheduling', 'running', 'cancelling') AND due_at <= now() "
              "AND kind = ANY (string_to_array($4, ',')) "
              "AND (lease_token IS NULL OR lease_token <> ALL (string_to_array($5, ',')::uuid[])) "
              "ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) "
              "RETURNING {}, lease_token",
              kColumns),
          {taking.owner, duration(taking.lease), pg::param(static_cast<std::int64_t>(taking.limit)),
           joined(taking.kinds), joined(taking.held)}));
  std::vector<LeasedJob> taken;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    taken.push_back({to_job(rows, row), rows.text(row, "lease_token")});
  }
  co_return taken;
}

Task<std::optional<milliseconds>> until_next_due(pg::Pool& pool, Taking taking) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query("SELECT least(86400000, greatest(0, ceil(1000 * extract(epoch FROM "
                          "min(due_at) - clock_timestamp()))))::bigint AS wait_ms FROM howdah.jobs "
                          "WHERE state IN ('scheduling', 'running', 'cancelling') "
                          "AND kind = ANY (string_to_array($1, ',')) AND (lease_token IS NULL "
                          "OR lease_token <> ALL (string_to_array($2, ',')::uuid[])) "
                          // greatest() leaves NULL out: no job at all would be due now, for ever.
                          "HAVING count(*) > 0",
                          {joined(taking.kinds), joined(taking.held)}));
  if (rows.empty()) co_return std::nullopt;
  co_return milliseconds{rows.integer(0, "wait_ms")};
}

Task<std::vector<Renewed>> renew(pg::Pool& pool, std::vector<std::string> tokens,
                                 milliseconds lease) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query("UPDATE howdah.jobs SET due_at = clock_timestamp() + "
                          "$2::bigint * interval '1 ms' "
                          "WHERE lease_token = ANY (string_to_array($1, ',')::uuid[]) "
                          "AND state IN ('running', 'cancelling') RETURNING lease_token, state",
                          {joined(tokens), duration(lease)}));
  std::vector<Renewed> held;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    held.push_back({rows.text(row, "lease_token"),
                    parse_job_state(rows.text(row, "state")).value_or(JobState::running)});
  }
  co_return held;
}

Task<void> release(pg::Pool& pool, std::string token) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "WITH freed AS (UPDATE howdah.jobs SET due_at = now(), lease_token = NULL, "
      "lease_owner = NULL, attempt = greatest(0, attempt - 1), "
      "state = CASE state WHEN 'running' THEN 'scheduling' ELSE state END "
      "WHERE lease_token = $1 AND state IN ('running', 'cancelling') RETURNING id) "
      "SELECT pg_notify('howdah_jobs', '') FROM freed",
      {token}));
  co_return Result<void>{};
}

Task<void> release_all(pg::Pool& pool, std::string owner) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "UPDATE howdah.jobs SET due_at = now(), lease_token = NULL, lease_owner = NULL, "
      "attempt = greatest(0, attempt - 1), "
      "state = CASE state WHEN 'running' THEN 'scheduling' ELSE state END "
      "WHERE lease_owner = $1 AND state IN ('running', 'cancelling')",
      {owner}));
  co_return Result<void>{};
}

Task<bool> hold(pg::Connection& connection, LeasedJob leased) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "SELECT FROM howdah.jobs WHERE id = $1 AND lease_token = $2 FOR UPDATE",
                    {leased.job.id.str(), leased.token}));
  co_return !rows.empty();
}

Task<void> advance(pg::Connection& connection, LeasedJob leased, milliseconds lease) {
  const Job& job = leased.job;
  const bool final = is_final(job.state);
  // A job that was asked to stop while its step ended stays `cancelling` until the runner sees it.
  HOWDAH_CO_CHECK(co_await connection.query(
      fmt::format("UPDATE howdah.jobs SET step = $2, memo = $3, result = $4, error_code = $5, "
                  "error_message = $6, error_hint = $8, {} WHERE id = $1",
                  final ? "state = $7, finished_at = now(), lease_token = NULL, "
                          "lease_owner = NULL"
                        : "attempt = 1, due_at = clock_timestamp() + "
                          "$7::bigint * interval '1 ms'"),
      {job.id.str(), pg::param(static_cast<std::int64_t>(job.step)), json::serialize(job.memo),
       json::serialize(job.result), job.error_code, job.error_message,
       final ? pg::Value(to_string(job.state)) : duration(lease), job.error_hint}));
  co_return Result<void>{};
}

Task<void> retry(pg::Connection& connection, LeasedJob leased, milliseconds pause) {
  const Job& job = leased.job;
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.jobs SET state = CASE state WHEN 'running' THEN 'scheduling' ELSE state END, "
      "due_at = clock_timestamp() + $2::bigint * interval '1 ms', lease_token = NULL, "
      "lease_owner = NULL, error_code = $3, error_message = $4, error_hint = $5 WHERE id = $1",
      {job.id.str(), duration(pause), job.error_code, job.error_message, job.error_hint}));
  co_return Result<void>{};
}

Task<std::optional<Job>> show(pg::Pool& pool, JobId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(
                    fmt::format("SELECT {} FROM howdah.jobs WHERE id = $1", kColumns), {id.str()}));
  if (rows.empty()) co_return std::nullopt;
  co_return to_job(rows, 0);
}

Task<std::optional<JobState>> request_cancel(pg::Connection& connection, JobId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT state FROM howdah.jobs WHERE id = $1 FOR UPDATE",
                                          {id.str()}));
  if (rows.empty()) co_return std::nullopt;
  const JobState state = parse_job_state(rows.text(0, "state")).value_or(JobState::failed);
  if (is_final(state) || state == JobState::cancelling) co_return state;
  // A waiting job is due at once: only a worker can take back what the job has made so far.
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.jobs SET state = 'cancelling', "
      "due_at = CASE state WHEN 'running' THEN due_at ELSE now() END WHERE id = $1",
      {id.str()}));
  HOWDAH_CO_CHECK(co_await connection.query("SELECT pg_notify('howdah_jobs', '')"));
  co_return JobState::cancelling;
}

Task<void> repair_after_clock_jump(pg::Pool& pool, milliseconds lease, milliseconds backoff_max) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "UPDATE howdah.jobs SET due_at = now() WHERE "
      "(state IN ('running', 'cancelling') AND due_at > now() + $1::bigint * interval '3 ms') "
      "OR (state = 'scheduling' AND attempt > 0 "
      "AND due_at > now() + $2::bigint * interval '2 ms')",
      {duration(lease), duration(backoff_max)}));
  co_return Result<void>{};
}

Task<std::int64_t> prune(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "DELETE FROM howdah.jobs j WHERE finished_at < now() - interval '2 days' "
                    "AND (finished_at < now() - interval '30 days' "
                    "OR NOT EXISTS (SELECT FROM howdah.operations o WHERE o.id = j.id))"));
  co_return rows.affected();
}

Task<void> listen(pg::Connection& connection) {
  co_return co_await connection.script("LISTEN howdah_jobs");
}

}  // namespace howdah::control::job_store
