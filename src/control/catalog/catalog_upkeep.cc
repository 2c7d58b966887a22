// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/catalog_upkeep.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/envelope.h"
#include "control/operations/operations.h"

namespace howdah::control {
namespace {

constexpr std::string_view kKind = "catalog.dump";
constexpr milliseconds kWait{30'000};

json::object to_json(const DumpFacts& dump) {
  return {{"name", dump.path.filename().string()},
          {"path", dump.path.string()},
          {"created_at", to_rfc3339(dump.at)},
          {"size_bytes", dump.size_bytes},
          {"size_pretty", to_pretty(dump.size_bytes)}};
}

}  // namespace

void CatalogUpkeep::add_jobs(JobEngine& jobs) {
  JobKind kind;
  kind.name = kKind;
  kind.steps.push_back({.name = "dump the catalog and read it back",
                        .work = std::bind_front(&CatalogUpkeep::dump, this),
                        .commit = std::bind_front(&CatalogUpkeep::record, this),
                        .timeout = std::chrono::minutes(20)});
  jobs.add(std::move(kind));
  jobs.add(Schedule{.name = std::string(kKind),
                    .kind = std::string(kKind),
                    .daily_at = Schedule::TimeOfDay{2, 0}});
}

void CatalogUpkeep::add_routes(Routes& routes) {
  routes.add(http::Method::post, "/api/catalog/dumps", Access::admin,
             std::bind_front(&CatalogUpkeep::start_dump, this));
  routes.add(http::Method::get, "/api/catalog/dumps", Access::admin,
             std::bind_front(&CatalogUpkeep::list, this));
}

Task<void> CatalogUpkeep::dump(StepRun& run) {
  HOWDAH_CO_TRY(const DumpFacts facts, co_await platform_.catalog.dump());
  run.result() = to_json(facts);
  run.log(fmt::format("{}: {}", facts.path.string(), to_pretty(facts.size_bytes)));
  co_return Result<void>{};
}

Task<void> CatalogUpkeep::record(StepRun& run, pg::Connection& in) {
  co_return co_await platform_.audit.append(
      in, system_principal("catalog"),
      {.action = "catalog.dump", .subject = "catalog", .details = run.result()});
}

Task<JobId> CatalogUpkeep::enqueue(std::string actor, pg::Connection& in) {
  co_return co_await platform_.jobs.enqueue(
      in,
      {.kind = std::string(kKind),
       .exclusive_key = std::string(kKind),
       .watch = Watch{.title = "Dump the catalog", .created_by = std::move(actor)}},
      JobEngine::Start::here);
}

Task<http::Response> CatalogUpkeep::start_dump(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const JobId id, co_await pool.transaction<JobId>(std::bind_front(
                                    &CatalogUpkeep::enqueue, this, call.caller.actor)));
  const auto wait = preferred_wait(call.request);
  HOWDAH_CO_TRY(const Job job, co_await platform_.jobs.run_now(id, wait ? *wait : kWait));
  HOWDAH_CO_TRY(json::array operations, co_await operation_summary(pool, id));
  if (job.state == JobState::failed) co_return std::unexpected(error_of(job));
  Envelope envelope{.data = job.result, .operations = std::move(operations)};
  if (job.state == JobState::finished) co_return success(201, std::move(envelope));
  co_return accepted(id.str(), std::move(envelope));
}

Task<http::Response> CatalogUpkeep::list(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(std::vector<DumpFacts> dumps, list_dumps(platform_.catalog.dump_folder()));
  dumps.resize(std::min(dumps.size(), Page::kUnlimitedMax));
  json::array data;
  for (const DumpFacts& dump : dumps) data.push_back(to_json(dump));
  const std::size_t count = data.size();
  co_return success(200, {.data = std::move(data), .count = count});
}

}  // namespace howdah::control
