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

// For LIKE: the text itself, or what begins with it.
std::string pattern_of(std::string_view action) {
  std::string pattern;
  for (const char c : action) {
    if (c == '%' || c == '_' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return action.ends_with('.') ? pattern + '%' : pattern;
}

Task<Head> read_head_with(pg::Connection& connection, std::string_view lock) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    fmt::format("SELECT position, encode(hash, 'hex') AS hash, "
                                "encode(mac, 'hex') AS mac, clock_timestamp()::timestamptz(3) AS "
                                "at FROM howdah.audit_head {}",
                                lock)));
  if (rows.empty()) co_return fail(ErrorCode::internal, "the head of the audit log is missing");
  co_return Head{rows.integer(0, "position"), rows.text(0, "hash"), rows.text(0, "mac"),
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

Task<void> insert(pg::Connection& connection, AuditRow row, std::string mac) {
  const auto or_null = [](std::string text) {
    return text.empty() ? pg::Value() : pg::Value(std::move(text));
  };
  HOWDAH_CO_CHECK(co_await connection.query(
      "WITH row AS (INSERT INTO howdah.audit_logs (position, at, organisation_id, actor, action, "
      "subject, database_id, remote_address, request_id, details, prev_hash, hash) VALUES "
      "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, decode($11, 'hex'), decode($12, 'hex')) "
      "RETURNING position, hash) "
      "UPDATE howdah.audit_head SET position = row.position, hash = row.hash, "
      "mac = decode($13, 'hex') FROM row",
      {pg::param(row.position), pg::param(row.at), row.organisation_id.str(), row.actor, row.action,
       row.subject, or_null(row.database_id), row.remote_address, row.request_id, row.details,
       row.prev_hash, row.hash, std::move(mac)}));
  co_return Result<void>{};
}

Task<void> bind_head(pg::Connection& connection, std::string mac) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.audit_head SET mac = decode($1, 'hex') WHERE mac IS NULL", {std::move(mac)}));
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

Task<std::optional<AuditRow>> read_row(pg::Connection& connection, std::int64_t position) {
  HOWDAH_CO_TRY(std::vector<AuditRow> rows, co_await read_after(connection, position - 1, 1));
  if (rows.empty() || rows.front().position != position) co_return std::nullopt;
  co_return std::move(rows.front());
}

Task<std::int64_t> count_through(pg::Connection& connection, std::int64_t position) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query("SELECT count(*) AS n FROM howdah.audit_logs WHERE position <= $1",
                                {pg::param(position)}));
  co_return rows.integer(0, "n");
}

Task<std::vector<AuditRow>> list(pg::Pool& pool, Filter filter, std::int64_t limit) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          fmt::format(
              "SELECT {} FROM howdah.audit_logs WHERE position < $1 "
              "AND ($2::text IS NULL OR action LIKE $2) AND ($3::text IS NULL OR actor = $3) "
              "AND ($4::text IS NULL OR subject = $4) AND ($5::text IS NULL OR request_id = $5) "
              "AND ($6::uuid IS NULL OR database_id = $6) "
              "AND ($7::boolean IS NULL OR (action LIKE '%\\_failed') = $7) "
              "AND ($8::timestamptz IS NULL OR at >= $8) "
              "AND ($9::timestamptz IS NULL OR at < $9) ORDER BY position DESC LIMIT $10",
              kColumns),
          {pg::param(filter.before.value_or(INT64_MAX)),
           filter.action ? pg::param(pattern_of(*filter.action)) : pg::Value(),
           pg::param(filter.actor), pg::param(filter.subject), pg::param(filter.request_id),
           filter.database_id ? pg::param(filter.database_id->str()) : pg::Value(),
           pg::param(filter.failed), pg::param(filter.since), pg::param(filter.until),
           pg::param(limit)}));
  co_return to_rows(rows);
}

Task<std::optional<Base>> read_base(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT position, encode(hash, 'hex') AS hash, "
                                          "encode(mac, 'hex') AS mac FROM howdah.audit_base"));
  if (rows.empty()) co_return std::nullopt;
  co_return Base{rows.integer(0, "position"), rows.text(0, "hash"), rows.text(0, "mac")};
}

Task<std::optional<Base>> find_base(pg::Connection& connection, Timestamp before) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "WITH first AS (SELECT at FROM howdah.audit_logs ORDER BY position LIMIT 1), "
                    "stop AS (SELECT min(l.position) AS position FROM howdah.audit_logs l, first "
                    "WHERE l.at >= least($1, first.at + interval '7 days')) "
                    "SELECT l.position, encode(l.hash, 'hex') AS hash FROM howdah.audit_logs l "
                    "WHERE l.position < coalesce((SELECT position FROM stop), "
                    "(SELECT position FROM howdah.audit_head)) ORDER BY l.position DESC LIMIT 1",
                    {pg::param(before)}));
  if (rows.empty()) co_return std::nullopt;
  co_return Base{rows.integer(0, "position"), rows.text(0, "hash"), {}};
}

Task<std::int64_t> forget_through(pg::Connection& connection, Base base) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "INSERT INTO howdah.audit_base (position, hash, mac) "
      "VALUES ($1, decode($2, 'hex'), decode($3, 'hex')) ON CONFLICT (single) DO UPDATE SET "
      "position = excluded.position, hash = excluded.hash, mac = excluded.mac",
      {pg::param(base.position), base.hash, base.mac}));
  HOWDAH_CO_TRY(const pg::Rows gone,
                co_await connection.query("DELETE FROM howdah.audit_logs WHERE position <= $1",
                                          {pg::param(base.position)}));
  co_return gone.affected();
}

}  // namespace howdah::control::audit_store
