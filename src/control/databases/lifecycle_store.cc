// SPDX-License-Identifier: Apache-2.0
#include "control/databases/lifecycle_store.h"

namespace howdah::control::lifecycle_store {

Task<bool> mark_paused(pg::Connection& connection, DatabaseId id, std::string reason) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "UPDATE howdah.databases SET status = 'paused', status_reason = $2, "
                    "paused_at = now() WHERE id = $1 AND status IN ('active', 'failed')",
                    {pg::param(id.str()), pg::param(reason)}));
  co_return rows.affected() > 0;
}

Task<bool> mark_resumed(pg::Connection& connection, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "UPDATE howdah.databases SET status = 'active', status_reason = '', "
                    "paused_at = NULL WHERE id = $1 AND status = 'paused'",
                    {pg::param(id.str())}));
  co_return rows.affected() > 0;
}

Task<Timestamp> mark_deleted(pg::Connection& connection, Tombstone tombstone) {
  const auto keep = static_cast<std::int64_t>(tombstone.keep.count());
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(WITH gone AS (
               UPDATE howdah.branches SET status = 'deleted', deleted_at = now(),
                 purge_after = now() + make_interval(secs => $2), paused_at = NULL
               WHERE database_id = $1 AND status <> 'deleted')
             UPDATE howdah.databases SET status = 'deleted', deleted_at = now(), paused_at = NULL,
               purge_after = now() + make_interval(secs => $2), purge_after_elapsed_s = $3
             WHERE id = $1 AND status <> 'deleted' RETURNING purge_after)",
                    {pg::param(tombstone.id.str()), pg::param(keep),
                     pg::param(static_cast<std::int64_t>(tombstone.now.elapsed.count()) + keep)}));
  if (rows.empty()) co_return fail(ErrorCode::database_deleted, "the database is deleted already");
  co_return rows.time(0, "purge_after").value_or(now());
}

Task<void> mark_for_purge(pg::Connection& connection, DatabaseId id) {
  // Cut off, not rounded: the date must have come when the next step looks.
  HOWDAH_CO_CHECK(co_await connection.query(
      R"(WITH gone AS (
           UPDATE howdah.branches SET status = 'deleted', paused_at = NULL,
             deleted_at = coalesce(deleted_at, now()),
             purge_after = date_trunc('milliseconds', now())
           WHERE database_id = $1)
         UPDATE howdah.databases SET status = 'deleted', paused_at = NULL,
           deleted_at = coalesce(deleted_at, now()),
           purge_after = date_trunc('milliseconds', now()), purge_after_elapsed_s = 0
         WHERE id = $1)",
      {pg::param(id.str())}));
  co_return Result<void>{};
}

Task<bool> mark_undeleted(pg::Connection& connection, DatabaseId id) {
  // Only the branches that were deleted with it.
  auto rows = co_await connection.query(
      R"(WITH back AS (
           UPDATE howdah.branches b SET status = 'active', status_reason = '', deleted_at = NULL,
             purge_after = NULL
           FROM howdah.databases d
           WHERE d.id = $1 AND d.status = 'deleted' AND b.database_id = d.id
             AND b.status = 'deleted' AND b.deleted_at = d.deleted_at
             AND b.instance_id IS NOT NULL)
         UPDATE howdah.databases SET status = 'active', status_reason = '', deleted_at = NULL,
           purge_after = NULL, purge_after_elapsed_s = NULL
         WHERE id = $1 AND status = 'deleted')",
      {pg::param(id.str())});
  if (rows) co_return rows->affected() > 0;
  if (pg::sqlstate(rows.error()) != "23505") co_return std::unexpected(std::move(rows).error());
  co_return fail(ErrorCode::conflict, "another database has its name by now",
                 "give that one another name (PATCH name), then undelete this one");
}

Task<bool> name_is_taken(pg::Connection& connection, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "SELECT 1 AS taken FROM howdah.databases d JOIN howdah.databases other "
                    "ON other.organisation_id = d.organisation_id AND other.name = d.name "
                    "WHERE d.id = $1 AND other.id <> d.id AND other.status <> 'deleted'",
                    {pg::param(id.str())}));
  co_return !rows.empty();
}

Task<bool> may_be_purged(pg::Pool& pool, DatabaseId id) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          "SELECT 1 AS due FROM howdah.databases d, howdah.elapsed_time e WHERE d.id = $1 "
          "AND d.status = 'deleted' AND d.purge_after <= now() "
          "AND d.purge_after_elapsed_s <= e.elapsed_s",
          {pg::param(id.str())}));
  co_return !rows.empty();
}

Task<bool> forget(pg::Connection& connection, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(
                                         R"(WITH gone AS (
                         DELETE FROM howdah.databases WHERE id = $1 AND status = 'deleted'
                         RETURNING slug, organisation_id),
                       kept AS (
                         INSERT INTO howdah.retired_slugs (slug, organisation_id)
                         SELECT slug, organisation_id FROM gone WHERE slug IS NOT NULL
                         ON CONFLICT DO NOTHING)
                       SELECT 1 AS gone FROM gone)",
                                         {pg::param(id.str())}));
  co_return !rows.empty();
}

Task<std::optional<std::int64_t>> last_size(pg::Pool& pool, BranchId branch) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT size_bytes FROM howdah.database_stats "
                                    "WHERE branch_id = $1 ORDER BY at DESC LIMIT 1",
                                    {pg::param(branch.str())}));
  if (rows.empty()) co_return std::nullopt;
  co_return rows.integer(0, "size_bytes");
}

Task<Elapsed> lock_elapsed(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT elapsed_s, boot_id, since_boot_s, wall "
                                          "FROM howdah.elapsed_time FOR UPDATE"));
  if (rows.empty()) co_return fail(ErrorCode::internal, "the catalog has lost its clock");
  co_return Elapsed{std::chrono::seconds{rows.integer(0, "elapsed_s")},
                    {rows.text(0, "boot_id"), std::chrono::seconds{rows.integer(0, "since_boot_s")},
                     rows.time(0, "wall").value_or(Timestamp{})}};
}

Task<void> store_elapsed(pg::Connection& connection, Elapsed elapsed) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.elapsed_time SET elapsed_s = $1, boot_id = $2, since_boot_s = $3, wall = $4",
      {pg::param(static_cast<std::int64_t>(elapsed.elapsed.count())),
       pg::param(elapsed.seen.boot_id),
       pg::param(static_cast<std::int64_t>(elapsed.seen.since_boot.count())),
       pg::param(elapsed.seen.wall)}));
  co_return Result<void>{};
}

}  // namespace howdah::control::lifecycle_store
