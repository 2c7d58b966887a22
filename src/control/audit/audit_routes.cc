// SPDX-License-Identifier: Apache-2.0
#include "control/audit/audit_routes.h"

#include <charconv>

#include "control/audit/audit_store.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

json::object to_json(const AuditRow& row) {
  const auto details = parse_json(row.details);
  return {{"id", row.position},
          {"created_at", to_rfc3339(row.at)},
          {"actor", row.actor},
          {"action", row.action},
          {"subject", or_null(row.subject)},
          {"database_id", or_null(row.database_id)},
          {"remote_address", or_null(row.remote_address)},
          {"request_id", or_null(row.request_id)},
          {"details", details ? *details : json::value(nullptr)},
          {"prev_hash", row.prev_hash},
          {"hash", row.hash}};
}

constexpr std::string_view kForget = "audit.forget";

std::optional<Timestamp> read_time(QueryReader& query, std::string_view name) {
  const auto text = query.text(name);
  if (!text) return std::nullopt;
  const auto time = parse_rfc3339(*text);
  if (!time) query.reject(name, "must be a time such as 2026-01-02T03:04:05Z");
  return time;
}

audit_store::Filter read_filter(QueryReader& query) {
  audit_store::Filter filter;
  filter.action = query.text("action");
  filter.actor = query.text("actor");
  filter.subject = query.text("subject");
  filter.request_id = query.text("requestId");
  filter.since = read_time(query, "since");
  filter.until = read_time(query, "until");
  if (const auto id = query.text("databaseId")) {
    if (!is_uuid(*id)) query.reject("databaseId", "must be the id of a database");
    filter.database_id = DatabaseId(*id);
  }
  if (const auto result = query.text("result")) {
    if (*result != "succeeded" && *result != "failed") {
      query.reject("result", "must be succeeded or failed");
    }
    filter.failed = *result == "failed";
  }
  return filter;
}

}  // namespace

void AuditRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/audit", Access::admin,
             std::bind_front(&AuditRoutes::list, this));
}

void AuditRoutes::add_jobs(JobEngine& jobs) {
  JobKind kind;
  kind.name = kForget;
  kind.steps.push_back(
      {.name = "forget old rows", .commit = std::bind_front(&AuditRoutes::forget, this)});
  jobs.add(std::move(kind));
  jobs.add(Schedule{.name = std::string(kForget),
                    .kind = std::string(kForget),
                    .daily_at = Schedule::TimeOfDay{3, 30}});
}

Task<void> AuditRoutes::forget(StepRun&, pg::Connection& connection) {
  co_return co_await platform_.audit.forget(connection, now() - AuditLog::kKeep);
}

Task<http::Response> AuditRoutes::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  audit_store::Filter filter = read_filter(query);
  if (page.after) {
    std::int64_t position = 0;
    const std::string& text = page.after->id;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (error != std::errc{} || end != text.data() + text.size()) {
      query.reject("cursor", "is not a cursor that this list gave");
    }
    filter.before = position;
  }
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const std::vector<AuditRow> entries,
                co_await audit_store::list(platform_.catalog.pool(), filter, page.fetch_count()));
  std::vector<ListRow> rows;
  for (const AuditRow& row : entries) {
    rows.push_back({to_json(row), {row.at, std::to_string(row.position)}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

}  // namespace howdah::control
