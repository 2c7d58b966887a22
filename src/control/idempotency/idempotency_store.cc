// SPDX-License-Identifier: Apache-2.0
#include "control/idempotency/idempotency_store.h"

#include "control/idempotency/effect.h"
#include "crypto/random.h"

namespace howdah::control {
namespace idempotency_store {

Task<Kept> begin(pg::Pool& pool, Attempt attempt) {
  HOWDAH_CO_TRY(
      const pg::Rows made,
      co_await pool.query(
          "INSERT INTO howdah.idempotency_keys AS k (id, organisation_id, caller, key, "
          "request_hash) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller, key) DO UPDATE SET "
          "id = excluded.id, request_hash = excluded.request_hash, created_at = now(), "
          "job_id = NULL, subject = '', status = NULL, sealed_response = NULL "
          "WHERE k.created_at <= now() - interval '24 hours' RETURNING id",
          {crypto::make_uuid(), attempt.organisation_id.str(), attempt.caller, attempt.key,
           pg::bytes_param(attempt.hash)}));
  if (!made.empty()) co_return Kept{.id = made.text(0, "id"), .fresh = true};
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT id, request_hash, job_id, subject, sealed_response "
                                    "FROM howdah.idempotency_keys WHERE caller = $1 AND key = $2",
                                    {attempt.caller, attempt.key}));
  if (rows.empty()) {
    co_return fail(ErrorCode::conflict, "the request with this Idempotency-Key has just ended",
                   "send it again");
  }
  Kept kept{.id = rows.text(0, "id"),
            .hash = rows.bytes(0, "request_hash"),
            .subject = rows.text(0, "subject"),
            .sealed_response = rows.text(0, "sealed_response")};
  if (rows.value(0, "job_id")) kept.job_id = OperationId(rows.text(0, "job_id"));
  co_return kept;
}

Task<void> finish(pg::Pool& pool, std::string id, Answer answer) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "UPDATE howdah.idempotency_keys SET status = $2, sealed_response = $3 "
      "WHERE id = $1 AND (job_id IS NULL OR NOT $4)",
      {id, pg::param(answer.status), answer.sealed_response, pg::param(answer.unless_tied)}));
  co_return Result<void>{};
}

Task<void> forget(pg::Pool& pool, std::string id) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "DELETE FROM howdah.idempotency_keys k WHERE k.id = $1 AND "
      "CASE WHEN k.job_id IS NULL THEN k.subject = '' ELSE EXISTS (SELECT FROM howdah.jobs j "
      "WHERE j.id = k.job_id AND j.state IN ('failed', 'cancelled')) END",
      {id}));
  co_return Result<void>{};
}

Task<std::int64_t> count(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT count(*) AS n FROM howdah.idempotency_keys"));
  co_return rows.integer(0, "n");
}

Task<void> prune(pg::Connection& connection) {
  HOWDAH_CO_CHECK(
      co_await connection.query("DELETE FROM howdah.idempotency_keys "
                                "WHERE created_at <= now() - interval '24 hours'"));
  co_return Result<void>{};
}

}  // namespace idempotency_store

Task<void> tie_to_request(pg::Connection& connection, Principal caller, JobId job) {
  if (caller.request_token.empty()) co_return Result<void>{};
  HOWDAH_CO_CHECK(
      co_await connection.query("UPDATE howdah.idempotency_keys SET job_id = $2 WHERE id = $1",
                                {caller.request_token, job.str()}));
  co_return Result<void>{};
}

Task<void> note_effect(pg::Connection& connection, Principal caller, std::string subject) {
  if (caller.request_token.empty()) co_return Result<void>{};
  if (subject.empty()) subject = "unknown";
  HOWDAH_CO_CHECK(
      co_await connection.query("UPDATE howdah.idempotency_keys SET subject = $2 WHERE id = $1",
                                {caller.request_token, std::move(subject)}));
  co_return Result<void>{};
}

}  // namespace howdah::control
