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

}  // namespace

void AuditRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/audit", Access::admin,
             std::bind_front(&AuditRoutes::list, this));
}

Task<http::Response> AuditRoutes::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  std::optional<std::int64_t> before;
  if (page.after) {
    std::int64_t position = 0;
    const std::string& text = page.after->id;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (error != std::errc{} || end != text.data() + text.size()) {
      query.reject("cursor", "is not a cursor that this list gave");
    }
    before = position;
  }
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const std::vector<AuditRow> entries,
                co_await audit_store::list(platform_.catalog.pool(), before, page.fetch_count()));
  std::vector<ListRow> rows;
  for (const AuditRow& row : entries) {
    rows.push_back({to_json(row), {row.at, std::to_string(row.position)}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

}  // namespace howdah::control
