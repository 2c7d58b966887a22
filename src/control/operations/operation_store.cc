// SPDX-License-Identifier: Apache-2.0
#include "control/operations/operation_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/principal.h"

namespace howdah::control::operation_store {
namespace {

constexpr std::string_view kSelect =
    "SELECT o.id, j.kind, o.title, o.created_by, j.state, o.database_id, o.branch_id, o.percent, "
    "o.bytes_done, o.bytes_total, j.error_code, j.error_message, j.error_hint, j.result, j.step, "
    "o.created_at, j.started_at, j.finished_at FROM howdah.operations o JOIN howdah.jobs j ON j.id "
    "= o.id ";
constexpr std::int64_t kEventsMax = 200;

std::optional<std::int64_t> number(const pg::Rows& rows, std::size_t row, std::string_view column) {
  if (!rows.value(row, column)) return std::nullopt;
  return rows.integer(row, column);
}

Operation to_operation(const pg::Rows& rows, std::size_t row) {
  Operation operation;
  operation.id = OperationId(rows.text(row, "id"));
  operation.kind = rows.text(row, "kind");
  operation.title = rows.text(row, "title");
  operation.created_by = rows.text(row, "created_by");
  operation.state = parse_job_state(rows.text(row, "state")).value_or(JobState::failed);
  operation.database_id = rows.text(row, "database_id");
  operation.branch_id = rows.text(row, "branch_id");
  operation.percent =
      operation.state == JobState::finished ? 100 : static_cast<int>(rows.integer(row, "percent"));
  operation.bytes_done = number(rows, row, "bytes_done");
  operation.bytes_total = number(rows, row, "bytes_total");
  operation.error_code = rows.text(row, "error_code");
  operation.error_message = rows.text(row, "error_message");
  operation.error_hint = rows.text(row, "error_hint");
  const auto result = parse_json(rows.text(row, "result"));
  if (result && result->is_object()) operation.result = result->get_object();
  operation.created_at = rows.time(row, "created_at").value_or(Timestamp{});
  operation.started_at = rows.time(row, "started_at");
  operation.finished_at = rows.time(row, "finished_at");
  return operation;
}

// A step's own words are its two times; the rest follows from the job.
std::string step_state(const OperationStep& step, JobState job) {
  if (step.finished_at) return "finished";
  const bool ended_badly = job == JobState::failed || job == JobState::cancelled;
  if (step.started_at) return std::string(ended_badly ? to_string(job) : "running");
  return is_final(job) ? "skipped" : "scheduling";
}

Task<void> read_steps(pg::Pool& pool, Operation& operation) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT name, started_at, finished_at "
                                    "FROM howdah.operation_steps WHERE operation_id = $1 "
                                    "ORDER BY position",
                                    {operation.id.str()}));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    OperationStep step{rows.text(row, "name"), "", rows.time(row, "started_at"),
                       rows.time(row, "finished_at")};
    step.state = step_state(step, operation.state);
    operation.steps.push_back(std::move(step));
  }
  co_return Result<void>{};
}

Task<void> read_log(pg::Pool& pool, Operation& operation) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT data ->> 'line' AS line FROM howdah.operation_events "
                                    "WHERE operation_id = $1 AND kind = 'log' "
                                    "ORDER BY sequence DESC LIMIT 100",
                                    {operation.id.str()}));
  for (std::size_t row = rows.size(); row-- > 0;) operation.log.push_back(rows.text(row, "line"));
  co_return Result<void>{};
}

}  // namespace

Task<std::optional<Operation>> read(pg::Pool& pool, OperationId id) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(fmt::format("{} WHERE o.id = $1", kSelect), {id.str()}));
  if (rows.empty()) co_return std::nullopt;
  Operation operation = to_operation(rows, 0);
  HOWDAH_CO_CHECK(co_await read_steps(pool, operation));
  HOWDAH_CO_CHECK(co_await read_log(pool, operation));
  co_return operation;
}

Task<std::vector<Operation>> list(pg::Pool& pool, Page page, Filter filter) {
  std::vector<pg::Value> parameters{pg::param(page.fetch_count()), kDefaultOrganisation.str()};
  // Without it there is no index in this order.
  std::string where = "WHERE o.organisation_id = $2";
  const auto add = [&where, &parameters](std::string_view condition, pg::Value value) {
    parameters.push_back(std::move(value));
    where += fmt::format(fmt::runtime(condition), parameters.size());
  };
  if (filter.state) add(" AND j.state = ${}", *filter.state);
  if (filter.database_id) add(" AND o.database_id = ${}", filter.database_id->str());
  if (page.after) {
    if (!is_uuid(page.after->id)) co_return std::vector<Operation>{};
    parameters.push_back(pg::param(page.after->at));
    add(fmt::format(" AND (o.created_at, o.id) < (${}, ${{}})", parameters.size()), page.after->id);
  }
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query(fmt::format("{} {} ORDER BY o.created_at DESC, o.id DESC "
                                                "LIMIT $1",
                                                kSelect, where),
                                    parameters));
  std::vector<Operation> operations;
  for (std::size_t row = 0; row < rows.size(); ++row) operations.push_back(to_operation(rows, row));
  co_return operations;
}

Task<std::optional<Events>> events_after(pg::Pool& pool, OperationId id, std::int64_t sequence) {
  // The state is read with the events, in one statement: a state that is final here has its event
  // among them, or it was sent before.
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await pool.query(
          "SELECT j.state, o.last_event, e.sequence, e.kind, e.data FROM howdah.operations o "
          "JOIN howdah.jobs j ON j.id = o.id LEFT JOIN LATERAL (SELECT sequence, kind, data "
          "FROM howdah.operation_events WHERE operation_id = o.id AND sequence > $2 "
          "ORDER BY sequence LIMIT $3) e ON true WHERE o.id = $1 ORDER BY e.sequence",
          {id.str(), pg::param(sequence), pg::param(kEventsMax)}));
  if (rows.empty()) co_return std::nullopt;
  Events found;
  std::int64_t last = sequence;
  for (std::size_t row = 0; row < rows.size() && rows.value(row, "sequence"); ++row) {
    last = rows.integer(row, "sequence");
    found.events.push_back({last, rows.text(row, "kind"), rows.text(row, "data")});
  }
  const JobState state = parse_job_state(rows.text(0, "state")).value_or(JobState::failed);
  found.over = is_final(state) && last >= rows.integer(0, "last_event");
  co_return found;
}

}  // namespace howdah::control::operation_store
