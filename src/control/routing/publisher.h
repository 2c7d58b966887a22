// SPDX-License-Identifier: Apache-2.0
// Publishes routes to every gate (docs/formats/route-stream.md). The catalog is the truth: what is
// published is read from it, by one loop, so updates can neither overtake each other nor be
// forgotten; every 30 s all routes are compared anew.
// Owner: make_features; on the loop's thread.
#pragma once
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/platform.h"
#include "control/routing/gate_link.h"
#include "control/routing/route_table.h"
#include "control/routing/signal.h"

namespace howdah::control {

struct Published {
  std::uint64_t version = 0;
  std::vector<GateId> waiting_for;  // live gates that have not acknowledged it in time; mostly none
};

// What keeps a change from being in force on every port, as a sentence; empty: it is in force.
std::string missing_gates(const Result<Published>& published);

class RoutePublisher final : public Feature {
 public:
  static constexpr milliseconds kAckTimeout{2'000};

  explicit RoutePublisher(Platform& platform);

  // Loads all routes and listens on RUN/routes.sock.
  Task<void> start() override;
  asio::awaitable<void> stop() override;

  // Brings these branches' routes to every live gate as the catalog has them now: call it after the
  // commit. Returns when all have acknowledged, or after kAckTimeout naming those that have not. A
  // gate of this machine that runs without a connection is waited for as well.
  // Errors: unavailable when the catalog does not answer.
  Task<Published> publish(std::vector<BranchId> branches);

  // As publish(), for every branch there is.
  Task<Published> publish_all();

  // Whom firewalls refused, as gates tell it; called on the loop's thread. One listener.
  void on_denied(std::function<void(std::vector<DeniedAttempt>)> listener) {
    on_denied_ = std::move(listener);
  }

  // Roles that were changed by SQL, and logins, in the same way.
  void on_roles(std::function<void(std::vector<RoleChange>)> changes,
                std::function<void(std::vector<LoginSeen>)> logins) {
    on_role_changes_ = std::move(changes);
    on_logins_ = std::move(logins);
  }

  // Of all gates together.
  BranchUse use(const BranchId& branch) const;
  std::int64_t open_sessions() const;
  std::size_t gates() const;
  std::size_t routes() const { return table_.size(); }
  std::uint64_t version() const { return table_.version(); }

 private:
  struct Order {
    std::vector<BranchId> branches;
    bool all = false;
    Result<std::uint64_t> version = fail(ErrorCode::unavailable, "routes are not published now");
    bool taken = false;
    bool done = false;
  };

  Task<Published> serve(Order order);
  Task<std::uint64_t> flush(std::vector<BranchId> branches);
  Task<std::uint64_t> flush_all();
  asio::awaitable<void> flush_loop();
  asio::awaitable<void> refresh();
  Task<void> serve_orders();
  Task<void> use_loop();
  asio::awaitable<void> accept_loop();
  asio::awaitable<void> serve_gate(net::Local::socket socket);
  void tell_change();
  void broadcast(const std::optional<RouteUpdate>& update);
  std::vector<GateId> behind(std::uint64_t version) const;
  // None is connected although one serves on this machine: this process has only just started.
  bool gate_has_lost_us() const;

  Platform& platform_;
  RouteTable table_{0};
  net::TaskGroup tasks_;
  net::Local::acceptor acceptor_;
  std::list<GateLink*> links_;
  std::list<Order*> orders_;  // waiting in publish()
  std::function<void(std::vector<DeniedAttempt>)> on_denied_ = [](const auto&) {};
  std::function<void(std::vector<RoleChange>)> on_role_changes_ = [](const auto&) {};
  std::function<void(std::vector<LoginSeen>)> on_logins_ = [](const auto&) {};
  Signal ordered_;
  Signal changed_;  // acknowledged, joined, left, or an order is done
  bool stopping_ = false;
};

}  // namespace howdah::control
