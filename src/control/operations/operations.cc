// SPDX-License-Identifier: Apache-2.0
#include "control/operations/operations.h"

#include <algorithm>
#include <charconv>

#include "base/units.h"
#include "control/operations/operation_store.h"

namespace howdah::control {
namespace {

json::value or_null(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  return json::value(to_rfc3339(*time));
}

json::value or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::value(text);
}

void add_size(json::object& out, std::string_view name, const std::optional<std::int64_t>& size) {
  out[name] = size ? json::value(*size) : json::value(nullptr);
  if (size) out[std::string(name) + "_pretty"] = to_pretty(static_cast<ByteCount>(*size));
}

json::array steps_of(const Operation& operation) {
  json::array steps;
  for (const OperationStep& step : operation.steps) {
    steps.push_back({{"name", step.name},
                     {"state", step.state},
                     {"started_at", or_null(step.started_at)},
                     {"finished_at", or_null(step.finished_at)}});
  }
  return steps;
}

}  // namespace

json::object to_json(const Operation& operation) {
  json::object out{{"id", operation.id.str()},
                   {"kind", operation.kind},
                   {"title", operation.title},
                   {"state", to_string(operation.state)},
                   {"database_id", or_null(operation.database_id)},
                   {"branch_id", or_null(operation.branch_id)},
                   {"created_by", operation.created_by},
                   {"percent", operation.percent},
                   {"error", nullptr},
                   {"result", operation.result},
                   {"created_at", to_rfc3339(operation.created_at)},
                   {"started_at", or_null(operation.started_at)},
                   {"finished_at", or_null(operation.finished_at)}};
  add_size(out, "bytes_done", operation.bytes_done);
  add_size(out, "bytes_total", operation.bytes_total);
  if (!operation.error_code.empty()) {
    out["error"] = {{"code", operation.error_code},
                    {"message", operation.error_message},
                    {"hint", or_null(operation.error_hint)}};
  }
  if (!operation.steps.empty()) {
    out["steps"] = steps_of(operation);
    out["log"] = json::array(operation.log.begin(), operation.log.end());
  }
  return out;
}

Task<Operation> read_operation(pg::Pool& pool, OperationId id) {
  auto found = co_await operation_store::read(pool, std::move(id));
  if (!found) co_return std::unexpected(std::move(found).error());
  if (!*found) co_return fail(ErrorCode::not_found, "there is no such operation");
  co_return std::move(**found);
}

Task<json::array> operation_summary(pg::Pool& pool, OperationId id) {
  HOWDAH_CO_TRY(Operation operation, co_await read_operation(pool, std::move(id)));
  operation.steps.clear();
  co_return json::array{to_json(operation)};
}

std::optional<std::chrono::seconds> preferred_wait(const http::Request& request) {
  constexpr std::string_view kWait = "wait=";
  constexpr std::int64_t kWaitMax = 60;
  const auto header = request.headers.find("Prefer");
  if (header == request.headers.end()) return std::nullopt;
  const std::size_t place = header->second.find(kWait);
  if (place == std::string::npos) return std::nullopt;
  std::int64_t seconds = 0;
  const char* begin = header->second.data() + place + kWait.size();
  const char* end = header->second.data() + header->second.size();
  if (std::from_chars(begin, end, seconds).ec != std::errc{} || seconds < 0) return std::nullopt;
  return std::chrono::seconds(std::min(seconds, kWaitMax));
}

}  // namespace howdah::control
