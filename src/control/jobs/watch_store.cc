// SPDX-License-Identifier: Apache-2.0
#include "control/jobs/watch_store.h"

#include <boost/json.hpp>

namespace howdah::control::watch_store {
namespace {

namespace json = boost::json;

template <typename IdType>
pg::Value or_null(const std::optional<IdType>& id) {
  return id ? pg::Value(id->str()) : pg::Value();
}

json::value or_null(const std::optional<std::int64_t>& number) {
  return number ? json::value(*number) : json::value(nullptr);
}

}  // namespace

Task<void> insert(pg::Connection& connection, NewOperation operation) {
  const Watch& watch = operation.watch;
  HOWDAH_CO_CHECK(co_await connection.query(
      "INSERT INTO howdah.operations (id, title, database_id, branch_id, created_by) "
      "VALUES ($1, $2, $3, $4, $5)",
      {operation.id.str(), watch.title, or_null(watch.database_id), or_null(watch.branch_id),
       watch.created_by}));
  const json::array names(operation.steps.begin(), operation.steps.end());
  HOWDAH_CO_CHECK(co_await connection.query(
      "WITH step AS (INSERT INTO howdah.operation_steps (operation_id, position, name, "
      "started_at) SELECT $1, n - 1, name, CASE WHEN $3 AND n = 1 THEN now() END "
      "FROM jsonb_array_elements_text($2) WITH ORDINALITY AS item (name, n)) "
      "SELECT howdah.add_operation_events($1, 'state', "
      "ARRAY[jsonb_build_object('state', CASE WHEN $3 THEN 'running' ELSE 'scheduling' END)])",
      {operation.id.str(), json::serialize(names), pg::param(operation.started)}));
  co_return Result<void>{};
}

Task<void> start_step(pg::Pool& pool, JobId id, std::size_t step) {
  HOWDAH_CO_CHECK(co_await pool.query(
      "UPDATE howdah.operation_steps SET started_at = coalesce(started_at, now()) "
      "WHERE operation_id = $1 AND position = $2",
      {id.str(), pg::param(static_cast<std::int64_t>(step))}));
  co_return Result<void>{};
}

Task<void> finish_step(pg::Connection& connection, JobId id, std::size_t step, int percent) {
  HOWDAH_CO_CHECK(co_await connection.query(
      "WITH done AS (UPDATE howdah.operation_steps SET "
      "finished_at = CASE WHEN position = $2 THEN clock_timestamp() END, "
      "started_at = CASE WHEN position = $2 THEN coalesce(started_at, clock_timestamp()) "
      "ELSE clock_timestamp() END "
      "WHERE operation_id = $1 AND position IN ($2, $2 + 1) RETURNING position, name) "
      "SELECT howdah.add_operation_events($1, 'step', ARRAY[jsonb_build_object("
      "'step', position, 'name', name, 'state', 'finished')]) FROM done WHERE position = $2",
      {id.str(), pg::param(static_cast<std::int64_t>(step))}));
  // Apart from the events, which change the same row for their numbers.
  HOWDAH_CO_CHECK(co_await connection.query(
      "UPDATE howdah.operations SET percent = greatest(percent, $2) WHERE id = $1",
      {id.str(), pg::param(static_cast<std::int64_t>(percent))}));
  co_return Result<void>{};
}

Task<void> add_news(pg::Pool& pool, JobId id, News news) {
  if (!news.lines.empty()) {
    json::array items;
    for (const std::string& line : news.lines) items.push_back({{"line", line}});
    HOWDAH_CO_CHECK(
        co_await pool.query("SELECT howdah.add_operation_events($1, 'log', "
                            "ARRAY(SELECT jsonb_array_elements($2)))",
                            {id.str(), json::serialize(items)}));
  }
  if (!news.percent) co_return Result<void>{};
  const json::object progress{{"percent", *news.percent},
                              {"bytes_done", or_null(news.bytes_done)},
                              {"bytes_total", or_null(news.bytes_total)}};
  HOWDAH_CO_CHECK(co_await pool.query(
      "WITH seen AS (SELECT $2::jsonb AS news), "
      "further AS (UPDATE howdah.operations SET percent = (news ->> 'percent')::integer, "
      "bytes_done = (news ->> 'bytes_done')::bigint, "
      "bytes_total = (news ->> 'bytes_total')::bigint FROM seen WHERE id = $1 RETURNING id) "
      "SELECT id FROM further",
      {id.str(), json::serialize(progress)}));
  HOWDAH_CO_CHECK(
      co_await pool.query("SELECT howdah.add_operation_events($1, 'progress', ARRAY[$2::jsonb])",
                          {id.str(), json::serialize(progress)}));
  co_return Result<void>{};
}

}  // namespace howdah::control::watch_store
