// SPDX-License-Identifier: Apache-2.0
#include "control/operations/operation_routes.h"

#include <fmt/format.h>

#include <charconv>

#include "control/operations/operation_store.h"

namespace howdah::control {
namespace {

constexpr milliseconds kPoll{1'000};
constexpr auto kHeartbeat = std::chrono::seconds(15);

// Last-Event-ID as the browser sends it back; anything else starts from the beginning.
std::int64_t last_event_of(const http::Request& request) {
  const auto header = request.headers.find("Last-Event-ID");
  std::int64_t sequence = 0;
  if (header == request.headers.end()) return 0;
  const std::string& text = header->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), sequence);
  return error == std::errc{} && sequence > 0 ? sequence : 0;
}

}  // namespace

void OperationRoutes::add_routes(Routes& routes) {
  routes.add_for_any_key(http::Method::get, "/api/operations", Access::read,
                         std::bind_front(&OperationRoutes::list, this));
  routes.keep_answers("/api/operations");
  routes.add_for_any_key(http::Method::get, "/api/operations/{id}", Access::read,
                         std::bind_front(&OperationRoutes::show, this));
  routes.add_for_any_key(http::Method::post, "/api/operations/{id}/cancel", Access::write,
                         std::bind_front(&OperationRoutes::cancel, this));
  routes.add_for_any_key(http::Method::get, "/api/operations/{id}/events", Access::read,
                         std::bind_front(&OperationRoutes::events, this));
}

Task<http::Response> OperationRoutes::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  operation_store::Filter filter;
  filter.state = query.text("state");
  if (filter.state && !parse_job_state(*filter.state)) {
    query.reject("state", "is not the state of an operation");
  }
  if (const auto id = query.text("databaseId")) {
    if (!is_uuid(*id)) query.reject("databaseId", "must be the id of a database");
    filter.database_id = DatabaseId(*id);
  }
  HOWDAH_CO_CHECK(query.finish());
  if (call.caller.database_id) filter.database_id = call.caller.database_id;
  HOWDAH_CO_TRY(const std::vector<Operation> operations,
                co_await operation_store::list(platform_.catalog.pool(), page, filter));
  std::vector<ListRow> rows;
  for (const Operation& operation : operations) {
    rows.push_back({to_json(operation), {operation.created_at, operation.id.str()}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

Task<Operation> OperationRoutes::find(const Call& call) {
  const std::string& id = call.request.parameters.at("id");
  if (!is_uuid(id)) co_return fail(ErrorCode::not_found, "there is no such operation");
  HOWDAH_CO_TRY(Operation operation,
                co_await read_operation(platform_.catalog.pool(), OperationId(id)));
  if (call.caller.database_id && operation.database_id != call.caller.database_id->str()) {
    co_return fail(ErrorCode::not_found, "there is no such operation");
  }
  co_return operation;
}

Task<http::Response> OperationRoutes::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(Operation operation, co_await find(call));
  const auto wait = preferred_wait(call.request);
  if (wait && !is_final(operation.state)) {
    HOWDAH_CO_CHECK(co_await platform_.jobs.wait(operation.id, *wait));
    HOWDAH_CO_TRY(operation, co_await find(call));
  }
  co_return success(200, {.data = to_json(operation)});
}

Task<http::Response> OperationRoutes::cancel(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const Operation operation, co_await find(call));
  HOWDAH_CO_CHECK(co_await platform_.jobs.cancel(operation.id));
  HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<bool>(
      std::bind_front(&OperationRoutes::record_cancel, this, call, operation)));
  const auto wait = preferred_wait(call.request);
  if (wait) HOWDAH_CO_CHECK(co_await platform_.jobs.wait(operation.id, *wait));
  HOWDAH_CO_TRY(const Operation present, co_await find(call));
  co_return success(is_final(present.state) ? 200 : 202,
                    {.data = to_json(present), .message = "Cancellation requested"});
}

Task<bool> OperationRoutes::record_cancel(Call call, Operation operation,
                                          pg::Connection& connection) {
  AuditEntry entry{.action = "operation.cancel",
                   .subject = "operation:" + operation.id.str(),
                   .details = {{"title", operation.title}},
                   .request_id = call.request.request_id};
  if (!operation.database_id.empty()) entry.database_id = DatabaseId(operation.database_id);
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, call.caller, std::move(entry)));
  co_return true;
}

Task<http::Response> OperationRoutes::events(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const Operation operation, co_await find(call));
  if (streams_ >= kStreamsMax) {
    co_return fail(ErrorCode::rate_limited, "there are too many event streams; try again later");
  }
  http::Response response;
  response.headers["Content-Type"] = "text/event-stream";
  response.headers["Cache-Control"] = "no-store";
  response.stream = std::bind_front(&OperationRoutes::stream, this, operation.id,
                                    last_event_of(call.request), call.caller);
  co_return response;
}

Task<void> OperationRoutes::stream(OperationId id, std::int64_t after, Principal caller,
                                   http::BodyWriter write) {
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& counter) : count(counter) { ++count; }
    ~Counted() { --count; }
  } counted(streams_);
  auto last_write = std::chrono::steady_clock::now();
  // A key that is revoked while its stream runs ends the stream.
  while (platform_.api_keys.still_valid(caller)) {
    HOWDAH_CO_TRY(const auto found,
                  co_await operation_store::events_after(platform_.catalog.pool(), id, after));
    if (!found) co_return Result<void>{};
    std::string text;
    for (const operation_store::Event& event : found->events) {
      text +=
          fmt::format("id: {}\nevent: {}\ndata: {}\n\n", event.sequence, event.kind, event.data);
      after = event.sequence;
    }
    const auto present = std::chrono::steady_clock::now();
    if (text.empty() && present - last_write > kHeartbeat) text = ": still here\n\n";
    if (!text.empty()) {
      HOWDAH_CO_CHECK(co_await write(std::move(text)));
      last_write = present;
    }
    if (found->over) co_return Result<void>{};
    if (found->events.empty()) HOWDAH_CO_CHECK(co_await platform_.jobs.wait_change(id, kPoll));
  }
  co_return Result<void>{};
}

}  // namespace howdah::control
