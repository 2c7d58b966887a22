// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/api_key_routes.h"

#include "base/log.h"
#include "control/api_keys/api_key_store.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

constexpr milliseconds kRefreshEvery{60'000};

// "scope": "write", or "scopes": ["write"] (the widest counts). Missing: read, the least.
Scope read_scope(JsonReader& in, Scope fallback) {
  Scope scope = fallback;
  const auto take = [&in, &scope](std::string_view field, const std::string& text) {
    const auto parsed = parse_scope(text);
    if (!parsed) in.reject(field, "must be read, write or admin");
    if (parsed) scope = std::max(scope, *parsed);
  };
  const auto one = in.optional_string("scope", 1, 20);
  const auto several = in.optional_strings("scopes", 3);
  if (one && several) in.reject("scopes", "is given together with scope");
  if (one) take("scope", *one);
  for (const std::string& text : several.value_or(std::vector<std::string>{})) {
    take("scopes", text);
  }
  return scope;
}

http::Response answer(int status, json::object key, std::string message) {
  std::string etag(key.at("etag").as_string());
  http::Response response =
      success(status, {.data = std::move(key), .message = std::move(message)});
  response.headers["ETag"] = std::move(etag);
  return response;
}

}  // namespace

ApiKeyRoutes::ApiKeyRoutes(Platform& platform) : platform_(platform), tasks_(platform.executor) {}

void ApiKeyRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::post, "/api/keys", Access::admin,
             std::bind_front(&ApiKeyRoutes::create, this));
  routes.add(http::Method::get, "/api/keys", Access::admin,
             std::bind_front(&ApiKeyRoutes::list, this));
  routes.add(http::Method::del, "/api/keys/{id}", Access::admin,
             std::bind_front(&ApiKeyRoutes::revoke, this));
}

Task<void> ApiKeyRoutes::start() {
  tasks_.spawn("api keys", refresh_loop());
  co_return Result<void>{};
}

asio::awaitable<void> ApiKeyRoutes::stop() {
  co_await tasks_.stop();
  // What was used since the last round.
  const auto written = co_await platform_.api_keys.refresh();
  if (!written) log::info("api keys", "last use not written: {}", written.error().to_log());
}

asio::awaitable<void> ApiKeyRoutes::refresh_loop() {
  for (;;) {
    co_await net::sleep_for(kRefreshEvery);
    // The catalog may be restarting: the next round will do.
    const auto done = co_await platform_.api_keys.refresh();
    if (!done) log::info("api keys", "not refreshed: {}", done.error().to_log());
  }
}

Task<http::Response> ApiKeyRoutes::create(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  JsonReader in(body);
  NewApiKey wanted;
  wanted.name = in.required_string("name", 1, 200);
  wanted.scope = read_scope(in, Scope::read);
  const bool session = in.optional_bool("session").value_or(false);
  if (const auto id = in.optional_string("databaseId", 1, 100)) {
    if (!is_uuid(*id)) in.reject("databaseId", "must be the id of a database");
    wanted.database_id = DatabaseId(*id);
  }
  if (const auto text = in.optional_string("expiresAt", 1, 40)) {
    wanted.expires_at = parse_rfc3339(*text);
    if (!wanted.expires_at || *wanted.expires_at <= now()) {
      in.reject("expiresAt", "must be a time to come, such as 2030-01-31T00:00:00Z");
    }
  }
  HOWDAH_CO_CHECK(in.finish());
  if (session) co_return create_session(wanted.name, call);
  HOWDAH_CO_TRY(ApiKeys::Made made,
                co_await platform_.api_keys.create(wanted, call.caller, call.request.request_id));
  json::object data = to_json(made.facts);
  data["key"] = made.key;
  co_return answer(201, std::move(data), "API key created successfully; it is shown only now");
}

Result<http::Response> ApiKeyRoutes::create_session(const std::string& name, const Call& call) {
  if (!call.caller.local || !call.request.local_peer) {
    return fail(ErrorCode::forbidden, "a session key is made on the machine itself only");
  }
  HOWDAH_TRY(ApiKeys::Made made,
             platform_.api_keys.create_session(name, call.caller, call.request.local_peer->pid));
  json::object data = to_json(made.facts);
  data["key"] = made.key;
  return answer(201, std::move(data), "Session key created; it ends with the calling process");
}

Task<http::Response> ApiKeyRoutes::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const std::vector<ApiKey> keys,
                co_await api_key_store::list(platform_.catalog.pool(), page));
  std::vector<ListRow> rows;
  for (const ApiKey& key : keys) rows.push_back({to_json(key), {key.created_at, key.id}});
  co_return list_response(call.request, page, std::move(rows));
}

Task<http::Response> ApiKeyRoutes::revoke(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  const std::string id = call.request.parameters.at("id");
  if (!is_uuid(id)) co_return fail(ErrorCode::not_found, "there is no such API key");
  HOWDAH_CO_TRY(auto preconditions, Preconditions::of(call.request));
  HOWDAH_CO_TRY(const ApiKey revoked, co_await platform_.api_keys.revoke(
                                          {id, std::move(preconditions), std::move(call.caller),
                                           call.request.request_id}));
  co_return answer(200, to_json(revoked), "API key revoked successfully");
}

}  // namespace howdah::control
