// SPDX-License-Identifier: Apache-2.0
#include "control/audit/audit_routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/audit/audit_store.h"
#include "control/audit/chain.h"
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

// One call reads so much at most; the caller goes on behind it.
constexpr std::int64_t kVerifyRows = 50'000;
constexpr milliseconds kVerifyTime{5'000};
constexpr std::size_t kHexSize = 2 * kAuditHashSize;

// Two parameters that only make sense together.
std::optional<AuditPlace> read_place(QueryReader& query, std::string_view id_name,
                                     std::string_view hash_name) {
  const auto id = query.integer(id_name, 0, INT64_MAX);
  const auto hash = query.text(hash_name);
  if (!id && !hash) return std::nullopt;
  if (!id) query.reject(id_name, fmt::format("belongs to {}", hash_name));
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!hash || hash->size() != kHexSize || !std::ranges::all_of(*hash, is_hex)) {
    query.reject(hash_name, "must be a hash as the audit log shows it: 64 lower-case hex digits");
    return std::nullopt;
  }
  return AuditPlace{id.value_or(0), *hash};
}

json::value to_json(AuditLog::Exported exported) {
  switch (exported) {
    case AuditLog::Exported::holds:
      return "holds";
    case AuditLog::Exported::broken:
      return "broken";
    case AuditLog::Exported::forgotten:
      return "forgotten";
    case AuditLog::Exported::unknown:
      break;
  }
  return nullptr;
}

json::object to_json(const AuditPlace& place) {
  return {{"id", place.position}, {"hash", place.hash}};
}

json::object to_json(const AuditLog::Verdict& verdict) {
  json::array findings;
  for (const AuditFinding& finding : verdict.findings) {
    findings.push_back(json::object{{"id", finding.position}, {"problem", finding.problem}});
  }
  return {{"whole", verdict.findings.empty()},
          {"complete", verdict.complete},
          {"rows", verdict.rows},
          {"reached", to_json(verdict.reached)},
          {"head", to_json(verdict.head)},
          {"saved_head", to_json(verdict.exported)},
          {"findings", std::move(findings)}};
}

}  // namespace

void AuditRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/audit", Access::admin,
             std::bind_front(&AuditRoutes::list, this));
  routes.add(http::Method::get, "/api/audit/verify", Access::admin,
             std::bind_front(&AuditRoutes::verify, this));
  routes.add(http::Method::get, "/api/audit/head", Access::admin,
             std::bind_front(&AuditRoutes::head, this));
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

Task<http::Response> AuditRoutes::verify(Call call) {
  QueryReader query(call.request.query);
  AuditLog::Check check{.after = read_place(query, "afterId", "afterHash"),
                        .exported = read_place(query, "headId", "headHash"),
                        .rows_max = query.integer("limit", 1, kVerifyRows).value_or(kVerifyRows),
                        .time_max = kVerifyTime};
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const AuditLog::Verdict verdict,
                co_await platform_.audit.verify(platform_.catalog.pool(), std::move(check)));
  co_return success(200, {.data = to_json(verdict)});
}

Task<http::Response> AuditRoutes::head(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const AuditLog::Head head, co_await platform_.audit.head(platform_.catalog.pool()));
  json::object data = to_json(head.place);
  data["created_at"] = head.at ? json::value(to_rfc3339(*head.at)) : json::value(nullptr);
  co_return success(200, {.data = std::move(data)});
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
