// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/denied_store.h"

#include "base/json.h"

namespace howdah::control::denied_store {

Task<void> add(pg::Pool& pool, std::vector<DeniedAttempt> attempts) {
  json::array items;
  for (const DeniedAttempt& one : attempts) {
    items.push_back({{"branch_id", one.branch_id.str()},
                     {"address", one.address},
                     {"direct_count", one.direct_count},
                     {"pooled_count", one.pooled_count},
                     {"first_at", to_rfc3339(one.first_at)},
                     {"last_at", to_rfc3339(one.last_at)}});
  }
  // In one order, so that two writers never wait for each other in a ring.
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(INSERT INTO howdah.denied_attempts AS d (organisation_id, database_id, branch_id, address,
           direct_count, pooled_count, first_at, last_at)
         SELECT b.organisation_id, b.database_id, b.id, a.address, a.direct_count, a.pooled_count,
           a.first_at, a.last_at
         FROM jsonb_to_recordset($1::jsonb) AS a (branch_id uuid, address text,
           direct_count bigint, pooled_count bigint, first_at timestamptz, last_at timestamptz)
         JOIN howdah.branches b ON b.id = a.branch_id
         ORDER BY b.id, a.address
         ON CONFLICT (branch_id, address) DO UPDATE
         SET direct_count = d.direct_count + excluded.direct_count,
           pooled_count = d.pooled_count + excluded.pooled_count,
           first_at = least(d.first_at, excluded.first_at),
           last_at = greatest(d.last_at, excluded.last_at))",
      {pg::param(json::serialize(items))}));
  co_return Result<void>{};
}

Task<std::vector<Row>> list(pg::Pool& pool, DatabaseId id, Page page) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          R"(SELECT d.id, d.branch_id, b.slug, d.address, d.direct_count, d.pooled_count,
                         d.first_at, d.last_at
                       FROM howdah.denied_attempts d JOIN howdah.branches b ON b.id = d.branch_id
                       WHERE d.database_id = $1
                         AND ($2::timestamptz IS NULL OR (d.last_at, d.id) < ($2, $3::bigint))
                       ORDER BY d.last_at DESC, d.id DESC LIMIT $4)",
          {pg::param(id.str()), page.after ? pg::param(page.after->at) : pg::Value(),
           page.after ? pg::param(page.after->id) : pg::Value(), pg::param(page.fetch_count())}));
  std::vector<Row> list;
  list.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    list.push_back({rows.integer(row, "id"),
                    rows.text(row, "slug"),
                    {BranchId(rows.text(row, "branch_id")), rows.text(row, "address"),
                     rows.integer(row, "direct_count"), rows.integer(row, "pooled_count"),
                     rows.time(row, "first_at").value_or(Timestamp{}),
                     rows.time(row, "last_at").value_or(Timestamp{})}});
  }
  co_return list;
}

Task<std::int64_t> count(pg::Pool& pool, DatabaseId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT sum(direct_count + pooled_count)::bigint AS n "
                                    "FROM howdah.denied_attempts WHERE database_id = $1",
                                    {pg::param(id.str())}));
  co_return rows.integer(0, "n");
}

Task<void> prune(pg::Pool& pool, Keep keep) {
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(DELETE FROM howdah.denied_attempts d USING (
           SELECT id, row_number() OVER (PARTITION BY database_id
                                         ORDER BY last_at DESC, id DESC) AS place
           FROM howdah.denied_attempts) AS ranked
         WHERE ranked.id = d.id
           AND (ranked.place > $1 OR d.last_at < now() - make_interval(days => $2)))",
      {pg::param(keep.addresses_per_database),
       pg::param(static_cast<std::int64_t>(keep.age.count()))}));
  co_return Result<void>{};
}

}  // namespace howdah::control::denied_store
