// SPDX-License-Identifier: Apache-2.0
#include "control/audit/audit_store.h"

#include <fmt/format.h>

namespace howdah::control::audit_store {
namespace {

constexpr std::string_view kColumns =
    "position, at, organisation_id, actor, action, subject, database_id, remote_address, "
    "request_id, details, encode(prev_hash, 'hex') AS prev_hash, encode(hash, 'hex') AS hash";

std::vector<AuditRow> to_rows(const pg::Rows& rows) {
  std::vector<AuditRow> read;
  read.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    read.push_back({rows.integer(row, "position"), rows.time(row, "at").value_or(Timestamp{}),
                    OrganisationId(rows.text(row, "organisation_id")), rows.text(row, "actor"),
                    rows.text(row, "action"), rows.text(row, "subject"),
                    rows.text(row, "database_id"), rows.text(row, "remote_address"),
                    rows.text(row, "request_id"), rows.text(row, "details"),
                    rows.text(row, "prev_hash"), rows.text(row, "hash")});
  }
  return read;
}

Task<Head> read_head_with(pg::Connection& connection, std::string_view lock) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    fmt::format("SELECT position, encode(hash, 'hex') AS hash, "
                                "clock_timestamp()::timestamptz(3) AS at FROM howdah.audit_head {}",
                                lock)));
  if (rows.empty()) co_return fail(ErrorCode::internal, "the head of the audit log is missing");
  co_return Head{rows.integer(0, "position"), rows.text(0, "hash"),
                 rows.time(0, "at").value_or(Timestamp{})};
}

}  // namespace

Task<Head> lock_head(pg::Connection& connection) {
  co_return co_await read_head_with(connection, "FOR UPDATE");
}

Task<void> begin_snapshot(pg::Connection& connection) {
  co_return co_await connection.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
}

Task<void> end_snapshot(pg::Connection& connection) {
  co_return co_await connection.script("COMMIT");
}

Task<Head> read_head(pg::Connection& connection) {
  co_return co_await read_head_with(connection, "");
}

Task<void> insert(pg::Connection& connection, AuditRow row) {
  const auto or_null = [](std::string text) {
    return text.empty() ? pg::Value() : pg::Value(std::move(text));
  };
  HOWDAH_CO_CHECK(co_await connection.query(
      "WITH row AS (INSERT INTO howdah.audit_logs (position, at, organisation_id, actor, action, "
      "subject, database_id, remote_address, request_id, details, prev_hash, hash) VALUES "
      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, decode($11, 'hex'), decode($12, 'hex')) "
      "RETURNING position, hash) "
      "UPDATE howdah.audit_head SET position = row.position, hash = row.hash FROM row",
      {pg::param(row.position), pg::param(row.at), row.organisation_id.str(), row.actor, row.action,
       row.subject, or_null(row.database_id), row.remote_address, row.request_id, row.details,
       row.prev_hash, row.hash}));
  co_return Result<void>{};
}

Task<std::vector<AuditRow>> read_after(pg::Connection& connection, std::int64_t position,
                                       std::int64_t limit) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(fmt::format("SELECT {} FROM howdah.audit_logs WHERE position > $1 "
                                            "ORDER BY position LIMIT $2",
                                            kColumns),
                                {pg::param(position), pg::param(limit)}));
  co_return to_rows(rows);
}

Task<std::vector<AuditRow>> list(pg::Pool& pool, std::optional<std::int64_t> before,
                                 std::int64_t limit) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(fmt::format("SELECT {} FROM howdah.audit_logs WHERE position < $1 "
                                      "ORDER BY position DESC LIMIT $2",
                                      kColumns),
                          {pg::param(before.value_or(INT64_MAX)), pg::param(limit)}));
  co_return to_rows(rows);
}

}  // namespace howdah::control::audit_store
