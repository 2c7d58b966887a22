// SPDX-License-Identifier: Apache-2.0
#include "gate/status_server.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "os/process.h"

namespace howdah::gate {
namespace {

constexpr http::ServerLimits kLimits{.body_size_max = 4_KiB, .connections_max = 64};

bool may_ask(uid_t uid) {
  if (uid == 0 || uid == ::geteuid()) return true;
  const auto platform = os::find_user("howdah");
  return platform && platform->uid == uid;
}

std::string text_of(const http::Request& request, std::string_view name) {
  const auto found = std::ranges::find(request.query, name, &http::Query::value_type::first);
  return found == request.query.end() ? std::string() : found->second;
}

Result<std::uint64_t> number_in(std::string_view text, std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number <= max) return number;
  return fail(ErrorCode::invalid_request, "a number is missing, wrong or too large");
}

}  // namespace

StatusServer::StatusServer(asio::any_io_executor executor, Sources sources)
    : executor_(executor), sources_(std::move(sources)), server_(executor, router_, kLimits) {
  router_.before(std::bind_front(&StatusServer::check_peer, this));
  router_.add(http::Method::get, "/v1/status", std::bind_front(&StatusServer::show_status, this));
  router_.add(http::Method::get, "/v1/clients", std::bind_front(&StatusServer::list_clients, this));
  router_.add(http::Method::get, "/v1/pools", std::bind_front(&StatusServer::list_pools, this));
  router_.add(http::Method::del, "/v1/clients/{number}",
              std::bind_front(&StatusServer::cut_client, this));
  router_.add(http::Method::get, "/metrics", std::bind_front(&StatusServer::show_metrics, this));
}

Result<void> StatusServer::listen(const std::string& socket_path) {
  constexpr mode_t kOwnerAndGroup = 0660;
  HOWDAH_TRY(auto acceptor, net::listen_unix(executor_, socket_path, kOwnerAndGroup));
  // The group is what lets howdahd in; the gate runs in it, except as root in tests. Without root
  // everything runs as one user, also on a machine that has the platform's users.
  const auto platform = os::find_user("howdah");
  if (platform && ::geteuid() == 0 && ::getegid() != platform->gid) {
    HOWDAH_CHECK(os::change_owner(socket_path, ::geteuid(), platform->gid));
  }
  server_.serve(std::move(acceptor));
  return {};
}

Task<void> StatusServer::check_peer(http::Request& request) {
  if (!request.local_peer || !may_ask(request.local_peer->uid)) {
    co_return fail(ErrorCode::forbidden, "only the platform's own users may ask the gate");
  }
  co_return Result<void>{};
}

Task<http::Response> StatusServer::show_status(http::Request) {
  co_return http::json_response(200, sources_.status());
}

Task<http::Response> StatusServer::list_clients(http::Request request) {
  constexpr std::uint64_t kNumberMax = std::numeric_limits<std::int64_t>::max();
  ClientQuery query{BranchId(text_of(request, "branch")), 0, kClientsMax};
  if (const std::string after = text_of(request, "after"); !after.empty()) {
    HOWDAH_CO_TRY(query.after, number_in(after, kNumberMax));
  }
  if (const std::string limit = text_of(request, "limit"); !limit.empty()) {
    HOWDAH_CO_TRY(query.limit, number_in(limit, kClientsMax));
  }
  co_return http::json_response(200, sources_.clients(query));
}

Task<http::Response> StatusServer::list_pools(http::Request request) {
  co_return http::json_response(200, sources_.pools(BranchId(text_of(request, "branch"))));
}

Task<http::Response> StatusServer::cut_client(http::Request request) {
  HOWDAH_CO_TRY(const std::uint64_t number, number_in(request.parameters.at("number"),
                                                      std::numeric_limits<std::int64_t>::max()));
  HOWDAH_CO_CHECK(sources_.cut(BranchId(text_of(request, "branch")), number));
  co_return http::json_response(200, boost::json::object());
}

Task<http::Response> StatusServer::show_metrics(http::Request) {
  http::Response response;
  response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8";
  response.body = sources_.metrics();
  co_return response;
}

}  // namespace howdah::gate
