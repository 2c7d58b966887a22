// SPDX-License-Identifier: Apache-2.0
#include "control/clients/clients.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <limits>
#include <utility>

#include "control/databases/ready_database.h"

namespace howdah::control {
namespace {

constexpr milliseconds kDeadline{5'000};
constexpr std::string_view kBranch = "main";

// A client's id is "<gate id>-<number>": numbers begin anew with each gate.
struct ClientName {
  std::string gate_id;
  std::uint64_t number = 0;
};

std::optional<ClientName> parse_client(std::string_view text) {
  constexpr std::uint64_t kNumberMax = std::numeric_limits<std::int64_t>::max();
  const std::size_t dash = text.rfind('-');
  if (dash == text.npos) return std::nullopt;
  ClientName name{std::string(text.substr(0, dash)), 0};
  const std::string_view digits = text.substr(dash + 1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), name.number);
  const bool whole = error == std::errc{} && end == digits.data() + digits.size();
  if (!whole || name.number == 0 || name.number > kNumberMax) return std::nullopt;
  return name;
}

std::unexpected<Error> no_such_client() {
  return fail(ErrorCode::not_found, "there is no such client any more",
              "see who is connected: GET /api/databases/{id}/clients");
}

// A client as the gate tells it, as the API shows it.
json::object shown_client(json::object client, std::string_view gate_id) {
  json::object shown{
      {"id", fmt::format("{}-{}", gate_id, client.at("number").to_number<std::uint64_t>())},
      {"branch", kBranch}};
  client.erase("number");
  for (auto& field : client) shown[field.key()] = std::move(field.value());
  return shown;
}

}  // namespace

Clients::Clients(Platform& platform)
    : platform_(platform),
      gate_(platform.executor, (platform.config.runtime_dir / "gate.sock").string()) {}

void Clients::add_routes(Routes& routes) {
  using http::Method;
  const std::string path = "/api/databases/{id}";
  routes.add(Method::get, path + "/clients", Access::read, std::bind_front(&Clients::list, this));
  routes.add(Method::get, path + "/pools", Access::read, std::bind_front(&Clients::pools, this));
  routes.add(Method::del, path + "/clients/{clientId}", Access::write,
             std::bind_front(&Clients::cut, this));
}

Task<json::object> Clients::ask(http::Method method, std::string path, http::Query query) {
  auto answer = co_await gate_.call(method, std::move(path), std::move(query), {}, kDeadline);
  if (!answer && answer.error().code == ErrorCode::unavailable) {
    co_return fail(ErrorCode::unavailable, "the gate does not answer", "try again in a moment",
                   answer.error().to_log());
  }
  if (!answer) co_return std::unexpected(std::move(answer).error());
  if (!answer->is_object()) co_return fail(ErrorCode::protocol_violation, "the gate's answer");
  co_return std::move(answer->get_object());
}

Task<http::Response> Clients::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  HOWDAH_CO_TRY(const Database database,
                co_await find_branch_database(platform_.catalog.pool(), call.request, query));
  http::Query wanted{{"branch", database.main_branch.str()},
                     {"limit", std::to_string(page.fetch_count())}};
  if (page.after) wanted.emplace_back("after", page.after->id);
  HOWDAH_CO_TRY(json::object answer,
                co_await ask(http::Method::get, "/v1/clients", std::move(wanted)));
  const std::string gate_id(answer.at("gate_id").as_string());
  std::vector<ListRow> rows;
  for (json::value& client : answer.at("clients").as_array()) {
    const std::string number = std::to_string(client.at("number").to_number<std::uint64_t>());
    rows.push_back({shown_client(std::move(client.as_object()), gate_id), {now(), number}});
  }
  co_return list_response(call.request, page, std::move(rows));
}

Task<http::Response> Clients::pools(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_TRY(const Database database,
                co_await find_branch_database(platform_.catalog.pool(), call.request, query));
  HOWDAH_CO_TRY(json::object answer, co_await ask(http::Method::get, "/v1/pools",
                                                  {{"branch", database.main_branch.str()}}));
  json::array rows;
  for (json::value& pool : answer.at("pools").as_array()) {
    json::object shown{{"branch", kBranch}};
    for (auto& field : pool.as_object()) shown[field.key()] = std::move(field.value());
    rows.push_back(std::move(shown));
  }
  co_return list_response(call.request, std::move(rows), std::nullopt);
}

Task<http::Response> Clients::cut(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database, co_await find_ready_database(pool, call.request));
  const std::string id = call.request.parameters.at("clientId");
  const auto name = parse_client(id);
  if (!name) co_return no_such_client();
  const std::string branch = database.main_branch.str();
  HOWDAH_CO_TRY(json::object answer, co_await ask(http::Method::get, "/v1/clients",
                                                  {{"branch", branch},
                                                   {"after", std::to_string(name->number - 1)},
                                                   {"limit", "1"}}));
  json::array& found = answer.at("clients").as_array();
  if (answer.at("gate_id").as_string() != name->gate_id || found.empty() ||
      found.front().at("number").to_number<std::uint64_t>() != name->number) {
    co_return no_such_client();
  }
  json::object client = shown_client(std::move(found.front().as_object()), name->gate_id);
  AuditEntry entry{.action = "client.cut",
                   .subject = "client:" + id,
                   .database_id = database.id,
                   .details = {},
                   .request_id = call.request.request_id};
  for (const char* field : {"role", "database", "client_address", "application_name", "port"}) {
    entry.details[field] = client.at(field);
  }
  // No trace, no effect: the row is committed before.
  HOWDAH_CO_CHECK(co_await pool.transaction<void>(
      std::bind_front(&Clients::store_trace, this, std::move(entry), std::move(call.caller))));
  HOWDAH_CO_CHECK(co_await ask(http::Method::del, "/v1/clients/" + std::to_string(name->number),
                               {{"branch", branch}}));
  co_return success(200, {.data = std::move(client), .message = "The session was ended"});
}

Task<void> Clients::store_trace(AuditEntry entry, Principal caller, pg::Connection& connection) {
  co_return co_await platform_.audit.append(connection, std::move(caller), std::move(entry));
}

}  // namespace howdah::control
