// SPDX-License-Identifier: Apache-2.0
// A node agent of the mind and a gate that only listens, for *_pgtest.cc of this module: the OS
// seam is faked, everything above it is real.
#pragma once
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/server.h"
#include "model/route.h"
#include "net/json_lines.h"
#include "nodeapi/messages.h"
#include "pg/connection.h"

namespace howdah::control::testing {

class FakeNode {
 public:
  // postgres: where every instance's socket leads.
  FakeNode(asio::any_io_executor executor, pg::ConnectOptions postgres)
      : executor_(std::move(executor)), postgres_(std::move(postgres)) {
    status.node_id = NodeId("5b0e2a77-58b8-4d8b-9f5f-0b6b8d6c2f11");
    status.version = "test";
    status.volume_driver = "copy";
    status.postgres = {{15, "15", "/usr/lib/postgresql/15/bin"}};
    status.pg_major_default = 15;
    status.catalog_socket_directory = postgres_.socket_directory;
    using http::Method;
    const auto add = [this](Method method, const char* pattern, auto member) {
      router_.add(method, pattern, std::bind_front(member, this));
    };
    add(Method::get, "/v1/status", &FakeNode::show_status);
    add(Method::get, "/v1/instances", &FakeNode::list);
    add(Method::get, "/v1/inventory", &FakeNode::show_inventory);
    add(Method::get, "/v1/instances/{id}", &FakeNode::show);
    add(Method::post, "/v1/claims", &FakeNode::claim);
    add(Method::post, "/v1/instances/{id}/acquire", &FakeNode::acquire);
    add(Method::del, "/v1/instances/{id}/holds/{holder}", &FakeNode::release);
    add(Method::patch, "/v1/instances/{id}", &FakeNode::configure);
    add(Method::put, "/v1/instances/{id}/roles", &FakeNode::set_roles);
    add(Method::post, "/v1/instances/{id}/stop", &FakeNode::stop_instance);
    add(Method::get, "/v1/instances/{id}/log", &FakeNode::show_log);
    add(Method::del, "/v1/instances/{id}", &FakeNode::remove);
    add(Method::get, "/v1/journal", &FakeNode::journal);
  }

  // From serve() until stop() the io_context has work; both may come again.
  void serve(const std::string& path) {
    stopping_ = false;
    server_.emplace(executor_, router_);
    server_->serve(net::listen_unix(executor_, path, 0600).value());
  }
  asio::awaitable<void> stop() {
    stopping_ = true;
    co_await server_->stop(milliseconds{500});
    server_.reset();
  }

  // As if something happened on the node by itself.
  void change(const InstanceId& id, nodeapi::InstanceState state, std::string reason) {
    instances.at(id).state = state;
    entries_.push_back({entries_.size() + 1, now(), id, state, std::move(reason)});
  }
  nodeapi::Instance& add(std::string token) {
    nodeapi::Instance made;
    ++made_;
    made.id = InstanceId(fmt::format("i-{:012}", made_));
    made.slug = fmt::format("slug{:04}", made_);
    made.token = std::move(token);
    made.state = nodeapi::InstanceState::running;
    made.pg_major = 15;
    made.size_class = "nano";
    made.socket_directory = postgres_.socket_directory;
    made.system_identifier = 18'000'000'000'000'000'000U + made_;
    return instances[made.id] = made;
  }

  nodeapi::NodeStatus status;
  std::map<InstanceId, nodeapi::Instance> instances;
  std::map<std::string, std::string> verifiers;       // by token, as claimed
  std::map<std::string, std::string> role_verifiers;  // by role, as set last
  std::optional<ErrorCode> set_roles_fails;
  std::optional<ErrorCode> claim_fails;
  std::optional<ErrorCode> configure_fails;
  std::optional<ErrorCode> remove_fails;
  milliseconds claim_takes{0};
  bool makes_databases = false;  // a claim makes the role and its logical database for real
  std::string log;  // of every instance; log_first bytes before it are not kept any more
  std::uint64_t log_first = 0;
  std::uint64_t log_read = 0;  // bytes that were asked for
  int wakes = 0;
  int claims = 0;
  std::string boot_id = "boot-1";

 private:
  using Response = http::Response;
  using Request = http::Request;

  static Response answer(const json::value& value) { return http::json_response(200, value); }
  Result<nodeapi::Instance*> find(const Request& request) {
    const auto found = instances.find(InstanceId(request.parameters.at("id")));
    if (found == instances.end()) return fail(ErrorCode::not_found, "no such instance");
    return &found->second;
  }

  Task<Response> show_status(Request) { co_return answer(to_json(status)); }
  Task<http::Response> show_inventory(http::Request) {
    co_return http::json_response(
        200, boost::json::object{{"version", fmt::format("{}.{}", made_, instances.size())}});
  }
  Task<Response> list(Request) {
    std::vector<nodeapi::Instance> all;
    for (const auto& [id, instance] : instances) all.push_back(instance);
    co_return answer(instances_to_json(all));
  }
  Task<Response> show(Request request) {
    HOWDAH_CO_TRY(const auto* instance, find(request));
    co_return answer(to_json(*instance));
  }
  Task<Response> claim(Request request) {
    ++claims;
    if (claim_fails) co_return fail(*claim_fails, "the claim fails");
    HOWDAH_CO_TRY(const auto body, parse_json(request.body));
    HOWDAH_CO_TRY(const auto wanted, nodeapi::claim_request_from_json(body));
    for (const auto& [id, instance] : instances) {
      if (instance.token == wanted.token) co_return answer(to_json(instance));
    }
    nodeapi::Instance& made = add(wanted.token);
    if (!wanted.size_class.empty()) made.size_class = wanted.size_class;
    made.suspend_after_s = wanted.suspend_after_s;
    made.max_connections = wanted.max_connections;
    made.settings = wanted.settings;
    verifiers[wanted.token] = wanted.owner_verifier;
    const std::string slug = made.slug;
    entries_.push_back({entries_.size() + 1, now(), made.id, made.state, "claimed"});
    const json::value shown = to_json(made);
    if (claim_takes > milliseconds{0}) co_await net::sleep_for(claim_takes);
    if (makes_databases) HOWDAH_CO_CHECK(co_await make_database(slug));
    co_return answer(shown);
  }
  // What samples are taken with (instance/hardening_store.cc).
  static constexpr const char* kMonitorSql = R"(
    DO $$ BEGIN CREATE ROLE howdah_monitor LOGIN; EXCEPTION WHEN duplicate_object THEN END $$;
    CREATE SCHEMA IF NOT EXISTS howdah;
    GRANT USAGE ON SCHEMA howdah TO howdah_monitor;
    CREATE OR REPLACE FUNCTION howdah.database_sizes() RETURNS TABLE (oid oid, size_bytes int8)
      LANGUAGE sql SECURITY DEFINER
      AS 'SELECT d.oid, pg_catalog.pg_database_size(d.oid) FROM pg_catalog.pg_database d')";
  Task<void> make_database(std::string slug) {
    HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(postgres_));
    HOWDAH_CO_CHECK(co_await connection.script(kMonitorSql));
    HOWDAH_CO_CHECK(
        co_await connection.script(fmt::format("DROP DATABASE IF EXISTS tenant_{0}", slug)));
    HOWDAH_CO_CHECK(co_await connection.script(
        fmt::format("DROP ROLE IF EXISTS user_{0}; CREATE ROLE user_{0} LOGIN", slug)));
    co_return co_await connection.script(
        fmt::format("CREATE DATABASE tenant_{0} OWNER user_{0}", slug));
  }
  Task<Response> acquire(Request request) {
    HOWDAH_CO_TRY(auto* instance, find(request));
    if (instance->paused) co_return fail(ErrorCode::database_paused, "it is paused");
    if (instance->state == nodeapi::InstanceState::stopped) ++wakes;
    instance->state = nodeapi::InstanceState::running;
    co_return answer(to_json(*instance));
  }
  Task<Response> release(Request) { co_return answer(json::object()); }
  Task<Response> configure(Request request) {
    if (configure_fails) co_return fail(*configure_fails, "the node does not take settings");
    HOWDAH_CO_TRY(auto* instance, find(request));
    HOWDAH_CO_TRY(const auto body, parse_json(request.body));
    HOWDAH_CO_TRY(const auto wanted, nodeapi::instance_settings_from_json(body));
    instance->suspend_after_s = wanted.suspend_after_s.value_or(instance->suspend_after_s);
    instance->max_connections = wanted.max_connections.value_or(instance->max_connections);
    instance->size_class = wanted.size_class.value_or(instance->size_class);
    instance->settings = wanted.settings.value_or(instance->settings);
    instance->paused = wanted.paused.value_or(instance->paused);
    co_return answer(to_json(*instance));
  }
  Task<Response> set_roles(Request request) {
    if (set_roles_fails) co_return fail(*set_roles_fails, "setting roles fails");
    HOWDAH_CO_TRY(const auto body, parse_json(request.body));
    HOWDAH_CO_TRY(const auto passwords, nodeapi::role_passwords_from_json(body));
    for (const auto& one : passwords) role_verifiers[one.name] = one.verifier;
    co_return answer(json::object());
  }
  Task<Response> stop_instance(Request request) {
    HOWDAH_CO_TRY(auto* instance, find(request));
    change(instance->id, nodeapi::InstanceState::stopped, "stop");
    co_return answer(to_json(*instance));
  }
  Task<Response> show_log(Request request) {
    constexpr std::uint64_t kSize = 256 * 1024;
    nodeapi::LogPiece piece{log_first, log_first, log_first + log.size(), {}};
    std::uint64_t end = piece.last;
    bool from = false;
    for (const auto& [name, value] : request.query) {
      const auto at = std::clamp<std::uint64_t>(std::stoull(value), piece.first, piece.last);
      if (name == "before") end = at;
      if (name == "from") {
        piece.begin = at;
        from = true;
      }
    }
    if (from) end = std::min(end, piece.begin + kSize);
    if (!from) piece.begin = std::max(piece.first, end - std::min(end, kSize));
    piece.text = log.substr(piece.begin - log_first, end - piece.begin);
    log_read += piece.text.size();
    co_return nodeapi::to_response(std::move(piece));
  }
  Task<Response> remove(Request request) {
    if (remove_fails) co_return fail(*remove_fails, "the node removes nothing");
    HOWDAH_CO_TRY(auto* instance, find(request));
    instances.erase(InstanceId(instance->id));
    co_return answer(json::object());
  }
  Task<Response> journal(Request request) {
    std::uint64_t after = 0;
    std::int64_t wait_ms = 0;
    for (const auto& [name, value] : request.query) {
      if (name == "after") after = std::stoull(value);
      if (name == "wait_ms") wait_ms = std::stoll(value);
    }
    const std::string booted = boot_id;
    const auto give_up = std::chrono::steady_clock::now() + milliseconds{wait_ms};
    while (after >= entries_.size() && booted == boot_id && !stopping_ &&
           std::chrono::steady_clock::now() < give_up) {
      co_await net::sleep_for(milliseconds{5});
    }
    nodeapi::JournalPage page{boot_id, {}};
    for (std::uint64_t i = after; i < entries_.size(); ++i) page.entries.push_back(entries_[i]);
    co_return answer(to_json(page));
  }

  asio::any_io_executor executor_;
  pg::ConnectOptions postgres_;
  http::Router router_;
  std::optional<http::Server> server_;
  std::vector<nodeapi::JournalEntry> entries_;
  std::uint64_t made_ = 0;
  bool stopping_ = false;
};

// Keeps what the route stream tells, and acknowledges unless told not to.
class FakeGate {
 public:
  explicit FakeGate(std::string id) : id_(std::move(id)) {}

  asio::awaitable<void> run(std::string path, std::uint64_t kept = 0) {
    auto socket = co_await net::connect_unix(std::move(path));
    if (!socket) co_return;
    lines_.emplace(std::move(*socket));
    GateMessage hello;
    hello.hello = GateHello{GateId(id_), kept};
    if (!co_await lines_->write(to_json(hello))) co_return;
    while (true) {
      const auto value = co_await lines_->read();
      if (!value) co_return;
      const auto update = route_update_from_json(*value);
      if (!update) co_return;
      apply(*update);
      if (acknowledges && !co_await acknowledge(update->version)) co_return;
    }
  }
  Task<void> acknowledge(std::uint64_t number) {
    GateMessage message;
    message.ack = GateAck{number};
    co_return co_await lines_->write(to_json(message));
  }
  Task<void> report(BranchId branch, std::int64_t sessions) {
    GateMessage message;
    message.use.push_back({std::move(branch), sessions, now()});
    co_return co_await lines_->write(to_json(message));
  }
  Task<void> report_denied(std::vector<DeniedAttempt> denied) {
    GateMessage message;
    message.denied = std::move(denied);
    co_return co_await lines_->write(to_json(message));
  }
  Task<void> report_roles(std::vector<RoleChange> changes, std::vector<LoginSeen> logins = {}) {
    GateMessage message;
    message.role_changes = std::move(changes);
    message.logins = std::move(logins);
    co_return co_await lines_->write(to_json(message));
  }
  void leave() {
    if (lines_) lines_->close();
  }

  std::map<BranchId, Route> routes;
  std::uint64_t version = 0;
  int snapshots = 0;
  int gaps = 0;
  bool acknowledges = true;

 private:
  void apply(const RouteUpdate& update) {
    if (update.snapshot) {
      ++snapshots;
      routes.clear();
    } else if (update.version != version + 1) {
      ++gaps;
    }
    version = update.version;
    for (const Route& route : update.upserted) routes.insert_or_assign(route.branch_id, route);
    for (const BranchId& id : update.removed) routes.erase(id);
  }

  std::string id_;
  std::optional<net::JsonLines> lines_;
};

}  // namespace howdah::control::testing
