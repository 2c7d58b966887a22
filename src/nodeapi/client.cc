// SPDX-License-Identifier: Apache-2.0
#include "nodeapi/client.h"

#include <fmt/format.h>

#include <utility>

namespace howdah::nodeapi {
namespace {

using http::Method;
using namespace std::chrono_literals;

// How long the node may take, beside its own deadlines: an answer that comes later than this is
// from a node that hangs. A start includes crash recovery; a stop includes the last checkpoint.
constexpr milliseconds kQuick = 5s;
constexpr milliseconds kStart = 90s;
constexpr milliseconds kStop = 150s;
constexpr milliseconds kShutdown = 600s;

// An id goes into a path: what cannot be one is refused here, before it could name another route.
Result<std::string> instance_path(const InstanceId& id, std::string_view rest = {}) {
  if (!is_instance_id(id.str())) {
    return fail(ErrorCode::invalid_request, "this is not an instance id");
  }
  return fmt::format("/v1/instances/{}{}", id.str(), rest);
}

http::Query force_query(bool force) {
  if (!force) return {};
  return {{"force", "true"}};
}

}  // namespace

Client::Client(asio::any_io_executor executor, std::string socket_path)
    : http_(std::move(executor), std::move(socket_path)) {}

Task<NodeStatus> Client::status() {
  HOWDAH_CO_TRY(const auto answer, co_await http_.call(Method::get, "/v1/status", {}, {}, kQuick));
  co_return node_status_from_json(answer);
}

Task<std::vector<Instance>> Client::instances() {
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::get, "/v1/instances", {}, {}, kQuick));
  co_return instances_from_json(answer);
}

Task<std::string> Client::inventory_version() {
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::get, "/v1/inventory", {}, {}, kQuick));
  co_return inventory_version_from_json(answer);
}

Task<Instance> Client::instance(InstanceId id) {
  HOWDAH_CO_TRY(std::string path, instance_path(id));
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::get, std::move(path), {}, {}, kQuick));
  co_return instance_from_json(answer);
}

Task<Instance> Client::claim(ClaimRequest request) {
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::post, "/v1/claims", {}, to_json(request), kStart));
  co_return instance_from_json(answer);
}

Task<Instance> Client::acquire(InstanceId id, AcquireRequest request) {
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/acquire"));
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::post, std::move(path), {}, to_json(request), kStart));
  co_return instance_from_json(answer);
}

Task<std::vector<InstanceId>> Client::renew(std::string holder, std::vector<InstanceId> ids,
                                            std::int64_t ttl_s) {
  const RenewRequest request{std::move(holder), std::move(ids), ttl_s};
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::post, "/v1/holds/renew", {}, to_json(request), kQuick));
  co_return renewed_from_json(answer);
}

Task<void> Client::release(InstanceId id, std::string holder) {
  if (!is_holder(holder)) co_return fail(ErrorCode::invalid_request, "this is not a holder");
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/holds/" + holder));
  HOWDAH_CO_CHECK(co_await http_.call(Method::del, std::move(path), {}, {}, kQuick));
  co_return Result<void>{};
}

Task<Instance> Client::configure(InstanceId id, InstanceSettings settings) {
  HOWDAH_CO_TRY(std::string path, instance_path(id));
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::patch, std::move(path), {}, to_json(settings), kQuick));
  co_return instance_from_json(answer);
}

Task<LogPiece> Client::log(InstanceId id, std::optional<std::uint64_t> from,
                           std::optional<std::uint64_t> before) {
  http::Request request;
  HOWDAH_CO_TRY(request.path, instance_path(id, "/log"));
  if (from) request.query.emplace_back("from", std::to_string(*from));
  if (before) request.query.emplace_back("before", std::to_string(*before));
  HOWDAH_CO_TRY(auto response, co_await http_.send(std::move(request), kQuick));
  co_return log_piece_from_response(std::move(response));
}

Task<std::vector<RoleState>> Client::roles(InstanceId id) {
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/roles"));
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::get, std::move(path), {}, {}, kQuick));
  co_return roles_from_json(answer);
}

Task<void> Client::set_roles(InstanceId id, std::vector<RolePassword> passwords) {
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/roles"));
  HOWDAH_CO_CHECK(co_await http_.call(Method::put, std::move(path), {},
                                      role_passwords_to_json(passwords), kStart));
  co_return Result<void>{};
}

Task<Instance> Client::stop(InstanceId id, bool force) {
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/stop"));
  HOWDAH_CO_TRY(const auto answer, co_await http_.call(Method::post, std::move(path), {},
                                                       to_json(StopRequest{force}), kStop));
  co_return instance_from_json(answer);
}

Task<void> Client::remove(InstanceId id, bool force) {
  HOWDAH_CO_TRY(std::string path, instance_path(id));
  auto answer = co_await http_.call(Method::del, std::move(path), force_query(force), {}, kStop);
  if (!answer && answer.error().code != ErrorCode::not_found) {
    co_return std::unexpected(std::move(answer).error());
  }
  co_return Result<void>{};
}

Task<JournalPage> Client::journal(std::uint64_t sequence, milliseconds wait) {
  http::Query query{{"after", std::to_string(sequence)}, {"wait_ms", std::to_string(wait.count())}};
  HOWDAH_CO_TRY(const auto answer, co_await http_.call(Method::get, "/v1/journal", std::move(query),
                                                       {}, wait + kQuick));
  co_return journal_page_from_json(answer);
}

Task<std::string> Client::set_aside(InstanceId id) {
  HOWDAH_CO_TRY(std::string path, instance_path(id, "/set-aside"));
  HOWDAH_CO_TRY(const auto answer,
                co_await http_.call(Method::post, std::move(path), {}, {}, kStart));
  const auto* object = answer.if_object();
  const auto* folder = object == nullptr ? nullptr : object->if_contains("path");
  if (folder == nullptr || !folder->is_string()) {
    co_return fail(ErrorCode::invalid_request, "the node's answer names no path");
  }
  co_return std::string(folder->get_string());
}

Task<NodeStatus> Client::grow_volume(ByteCount size_bytes) {
  HOWDAH_CO_TRY(const auto answer, co_await http_.call(Method::post, "/v1/volume/grow", {},
                                                       volume_size_to_json(size_bytes), kStart));
  co_return node_status_from_json(answer);
}

Task<void> Client::shutdown() {
  HOWDAH_CO_CHECK(co_await http_.call(Method::post, "/v1/shutdown", {}, {}, kShutdown));
  co_return Result<void>{};
}

}  // namespace howdah::nodeapi
