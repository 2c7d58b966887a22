// SPDX-License-Identifier: Apache-2.0
#include "gate/status_server.h"

#include <unistd.h>

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

}  // namespace

StatusServer::StatusServer(asio::any_io_executor executor, Sources sources)
    : executor_(executor), sources_(std::move(sources)), server_(executor, router_, kLimits) {
  router_.before(std::bind_front(&StatusServer::check_peer, this));
  router_.add(http::Method::get, "/v1/status", std::bind_front(&StatusServer::show_status, this));
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

Task<http::Response> StatusServer::show_metrics(http::Request) {
  http::Response response;
  response.headers["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8";
  response.body = sources_.metrics();
  co_return response;
}

}  // namespace howdah::gate
