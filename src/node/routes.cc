// SPDX-License-Identifier: Apache-2.0
#include "node/routes.h"

#include <fmt/format.h>
#include <algorithm>
#include <any>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "base/json.h"

namespace howdah::node {
namespace {

using http::Method;
using http::Request;
using http::Response;

struct Route {
  Method method;
  std::string_view pattern;
};
constexpr std::array kGateRoutes{Route{Method::get, "/v1/status"},
                                 Route{Method::get, "/v1/instances/{id}"},
                                 Route{Method::get, "/v1/instances/{id}/roles"},
                                 Route{Method::post, "/v1/instances/{id}/acquire"},
                                 Route{Method::post, "/v1/holds/renew"},
                                 Route{Method::del, "/v1/instances/{id}/holds/{holder}"}};

// No body is null.
Result<json::value> body_of(const Request& request) {
  if (request.body.empty()) return json::value();
  return parse_json(request.body);
}

InstanceId id_of(const Request& request) {
  return InstanceId(request.parameters.at("id"));
}

// Query parameters: each at most once, and none that is not known.
Result<std::string> query_value(const Request& request, std::string_view name) {
  std::string value;
  for (const auto& [key, text] : request.query) {
    if (key == name) value = text;
  }
  return value;
}

Result<void> check_query(const Request& request, std::initializer_list<std::string_view> known) {
  for (auto parameter = request.query.begin(); parameter != request.query.end(); ++parameter) {
    const auto same = [&](const auto& other) { return other.first == parameter->first; };
    if (std::ranges::find(known, parameter->first) == known.end() ||
        std::any_of(request.query.begin(), parameter, same)) {
      return fail(ErrorCode::invalid_request,
                  fmt::format("parameter '{}' is unknown or given twice", parameter->first));
    }
  }
  return {};
}

Result<std::uint64_t> query_number(const Request& request, std::string_view name,
                                   std::uint64_t max) {
  HOWDAH_TRY(const std::string text, query_value(request, name));
  if (text.empty()) return 0;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > max) {
    return fail(ErrorCode::invalid_request,
                fmt::format("parameter '{}' must be a whole number up to {}", name, max));
  }
  return number;
}

// In a log; empty: not given.
Result<std::optional<std::uint64_t>> query_position(const Request& request, std::string_view name) {
  HOWDAH_TRY(const std::string text, query_value(request, name));
  if (text.empty()) return std::optional<std::uint64_t>();
  HOWDAH_TRY(const std::uint64_t position,
             query_number(request, name, std::numeric_limits<std::int64_t>::max()));
  return std::optional(position);
}

Result<bool> query_bool(const Request& request, std::string_view name) {
  HOWDAH_TRY(const std::string text, query_value(request, name));
  if (text == "true") return true;
  if (text.empty() || text == "false") return false;
  return fail(ErrorCode::invalid_request,
              fmt::format("parameter '{}' must be true or false", name));
}

// A gate that was taken over must not end the holds of a backup.
Result<void> check_holder(const Request& request, std::string_view holder) {
  const auto* caller = std::any_cast<Caller>(&request.principal);
  if (caller != nullptr && *caller == Caller::platform) return {};
  if (holder.starts_with(kGateHolderPrefix)) return {};
  return fail(ErrorCode::forbidden, "a gate has only holds of its own");
}

}  // namespace

Caller caller_of(const Users& users, uid_t uid) {
  if (uid == 0 || uid == users.agent_uid || uid == users.control.uid) return Caller::platform;
  if (uid == users.gate.uid) return Caller::gate;
  return Caller::stranger;
}

bool gate_may_call(Method method, std::string_view pattern) {
  return std::ranges::any_of(kGateRoutes, [&](const Route& route) {
    return route.method == method && route.pattern == pattern;
  });
}

void NodeRoutes::add_to(http::Router& router) {
  using std::bind_front;
  router.before(bind_front(&NodeRoutes::authorise, this));
  router.add(Method::get, "/v1/status", bind_front(&NodeRoutes::status, this));
  router.add(Method::get, "/v1/instances", bind_front(&NodeRoutes::list, this));
  router.add(Method::get, "/v1/inventory", bind_front(&NodeRoutes::inventory, this));
  router.add(Method::get, "/v1/instances/{id}", bind_front(&NodeRoutes::show, this));
  router.add(Method::post, "/v1/claims", bind_front(&NodeRoutes::claim, this));
  router.add(Method::post, "/v1/instances/{id}/acquire", bind_front(&NodeRoutes::acquire, this));
  router.add(Method::post, "/v1/holds/renew", bind_front(&NodeRoutes::renew, this));
  router.add(Method::del, "/v1/instances/{id}/holds/{holder}",
             bind_front(&NodeRoutes::release, this));
  router.add(Method::patch, "/v1/instances/{id}", bind_front(&NodeRoutes::configure, this));
  router.add(Method::get, "/v1/instances/{id}/roles", bind_front(&NodeRoutes::look_at_roles, this));
  router.add(Method::put, "/v1/instances/{id}/roles", bind_front(&NodeRoutes::set_roles, this));
  router.add(Method::post, "/v1/instances/{id}/stop", bind_front(&NodeRoutes::stop, this));
  router.add(Method::get, "/v1/instances/{id}/log", bind_front(&NodeRoutes::read_log, this));
  router.add(Method::del, "/v1/instances/{id}", bind_front(&NodeRoutes::remove, this));
  router.add(Method::get, "/v1/journal", bind_front(&NodeRoutes::journal, this));
  router.add(Method::post, "/v1/instances/{id}/set-aside",
             bind_front(&NodeRoutes::set_aside, this));
  router.add(Method::post, "/v1/volume/grow", bind_front(&NodeRoutes::grow_volume, this));
  router.add(Method::post, "/v1/shutdown", bind_front(&NodeRoutes::shut_down, this));
}

Task<void> NodeRoutes::authorise(Request& request) {
  const Caller caller =
      request.local_peer ? caller_of(users_, request.local_peer->uid) : Caller::stranger;
  if (caller == Caller::stranger) co_return fail(ErrorCode::forbidden, "not allowed here");
  if (caller == Caller::gate && !gate_may_call(request.method, request.pattern)) {
    co_return fail(ErrorCode::forbidden, "a gate may not call this");
  }
  const bool watching = request.pattern == "/v1/status" || request.pattern == "/v1/journal";
  if (calls_.closing() && !watching) {
    co_return fail(ErrorCode::unavailable, "the node agent is ending");
  }
  request.principal = caller;
  co_return Result<void>{};
}

Task<Response> NodeRoutes::status(Request) {
  const os::DiskSpace space = co_await calls_.volume_space();
  co_return http::json_response(200, to_json(calls_.status(space)));
}

Task<Response> NodeRoutes::list(Request) {
  std::vector<nodeapi::Instance> instances;
  for (const UnitPtr& unit : calls_.registry().all()) {
    instances.push_back(calls_.registry().view(*unit));
  }
  co_return http::json_response(200, nodeapi::instances_to_json(instances));
}

Task<Response> NodeRoutes::inventory(Request) {
  co_return http::json_response(
      200, json::object{{"version", fmt::format("{}.{}", calls_.journal().boot_id(),
                                                calls_.registry().inventory_version())}});
}

Task<Response> NodeRoutes::show(Request request) {
  HOWDAH_CO_TRY(const nodeapi::Instance instance, calls_.registry().show(id_of(request)));
  co_return http::json_response(200, to_json(instance));
}

Task<Response> NodeRoutes::claim(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(auto claim, nodeapi::claim_request_from_json(body));
  HOWDAH_CO_TRY(const auto instance, co_await calls_.claims().claim(std::move(claim)));
  co_return http::json_response(200, to_json(instance));
}

Task<Response> NodeRoutes::acquire(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(auto acquire, nodeapi::acquire_request_from_json(body));
  HOWDAH_CO_CHECK(check_holder(request, acquire.holder));
  HOWDAH_CO_TRY(const auto instance,
                co_await calls_.registry().acquire(id_of(request), std::move(acquire)));
  co_return http::json_response(200, to_json(instance));
}

Task<Response> NodeRoutes::renew(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(const auto renew, nodeapi::renew_request_from_json(body));
  HOWDAH_CO_CHECK(check_holder(request, renew.holder));
  co_return http::json_response(200, nodeapi::renewed_to_json(calls_.registry().renew(renew)));
}

Task<Response> NodeRoutes::release(Request request) {
  const std::string& holder = request.parameters.at("holder");
  HOWDAH_CO_CHECK(check_holder(request, holder));
  calls_.registry().release(id_of(request), holder);
  co_return http::json_response(200, json::object());
}

Task<Response> NodeRoutes::configure(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(auto settings, nodeapi::instance_settings_from_json(body));
  HOWDAH_CO_TRY(const auto instance,
                co_await calls_.registry().configure(id_of(request), std::move(settings)));
  co_return http::json_response(200, to_json(instance));
}

Task<Response> NodeRoutes::look_at_roles(Request request) {
  HOWDAH_CO_TRY(const auto roles, co_await calls_.roles().look(id_of(request)));
  co_return http::json_response(200, nodeapi::roles_to_json(roles));
}

Task<Response> NodeRoutes::set_roles(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(auto passwords, nodeapi::role_passwords_from_json(body));
  HOWDAH_CO_CHECK(co_await calls_.roles().set(id_of(request), std::move(passwords)));
  co_return http::json_response(200, json::object());
}

Task<Response> NodeRoutes::stop(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(const auto stop, nodeapi::stop_request_from_json(body));
  HOWDAH_CO_TRY(const auto instance, co_await calls_.registry().stop(id_of(request), stop.force));
  co_return http::json_response(200, to_json(instance));
}

Task<Response> NodeRoutes::read_log(Request request) {
  HOWDAH_CO_CHECK(check_query(request, {"from", "before", "size_max"}));
  instance::LogRange range;
  HOWDAH_CO_TRY(range.from, query_position(request, "from"));
  HOWDAH_CO_TRY(range.before, query_position(request, "before"));
  HOWDAH_CO_TRY(const std::uint64_t size_max,
                query_number(request, "size_max", nodeapi::kLogPieceMax));
  if (size_max > 0) range.size_max = size_max;
  HOWDAH_CO_TRY(auto piece, co_await calls_.read_log(id_of(request), range));
  co_return nodeapi::to_response({piece.begin, piece.first, piece.last, std::move(piece.text)});
}

Task<Response> NodeRoutes::remove(Request request) {
  HOWDAH_CO_CHECK(check_query(request, {"force"}));
  HOWDAH_CO_TRY(const bool force, query_bool(request, "force"));
  HOWDAH_CO_CHECK(co_await calls_.remove(id_of(request), force));
  co_return http::json_response(200, json::object());
}

Task<Response> NodeRoutes::journal(Request request) {
  HOWDAH_CO_CHECK(check_query(request, {"after", "wait_ms"}));
  HOWDAH_CO_TRY(const std::uint64_t after,
                query_number(request, "after", std::numeric_limits<std::int64_t>::max()));
  HOWDAH_CO_TRY(
      const std::uint64_t wait_ms,
      query_number(request, "wait_ms", static_cast<std::uint64_t>(Journal::kWaitMax.count())));
  HOWDAH_CO_TRY(const auto page, co_await calls_.journal().wait_after(
                                     after, milliseconds{static_cast<std::int64_t>(wait_ms)}));
  co_return http::json_response(200, to_json(page));
}

Task<Response> NodeRoutes::set_aside(Request request) {
  HOWDAH_CO_TRY(const os::Path path, co_await calls_.set_aside(id_of(request)));
  co_return http::json_response(200, json::object{{"path", path.string()}});
}

Task<Response> NodeRoutes::grow_volume(Request request) {
  HOWDAH_CO_TRY(const json::value body, body_of(request));
  HOWDAH_CO_TRY(const ByteCount size, nodeapi::volume_size_from_json(body));
  HOWDAH_CO_CHECK(co_await calls_.grow_volume(size));
  const os::DiskSpace space = co_await calls_.volume_space();
  co_return http::json_response(200, to_json(calls_.status(space)));
}

Task<Response> NodeRoutes::shut_down(Request) {
  HOWDAH_CO_CHECK(co_await calls_.shut_down());
  co_return http::json_response(200, json::object());
}

}  // namespace howdah::node
