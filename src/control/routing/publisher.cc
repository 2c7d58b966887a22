// SPDX-License-Identifier: Apache-2.0
#include "control/routing/publisher.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/log.h"
#include "control/routing/route_store.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kRefresh = 30s;
constexpr milliseconds kUseSave = 60s;
constexpr std::size_t kGatesMax = 64;

}  // namespace

std::string missing_gates(const Result<Published>& published) {
  if (!published) {
    return "it is saved, and the gates are told within 30 s: " + published.error().message;
  }
  std::string names;
  for (const GateId& gate : published->waiting_for) {
    names += (names.empty() ? "gate " : ", gate ") + gate.str();
  }
  return names.empty() ? names : "it is saved, but not yet acknowledged by " + names;
}

RoutePublisher::RoutePublisher(Platform& platform)
    : platform_(platform), tasks_(platform.executor), acceptor_(platform.executor) {}

Task<void> RoutePublisher::start() {
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const std::uint64_t epoch, co_await route_store::next_epoch(pool));
  table_ = RouteTable(RouteTable::first_version(epoch));
  HOWDAH_CO_TRY(std::vector<Route> routes, co_await route_store::load_all(pool));
  (void)table_.replace_all(std::move(routes));
  const auto path = platform_.config.runtime_dir / "routes.sock";
  HOWDAH_CO_TRY(acceptor_, net::listen_unix(platform_.executor, path.string(), 0660));
  tasks_.spawn("routes", accept_loop());
  tasks_.spawn("routes", flush_loop());
  tasks_.spawn("routes", use_loop());
  co_return Result<void>{};
}

asio::awaitable<void> RoutePublisher::stop() {
  stopping_ = true;
  error_code ignored;
  (void)acceptor_.close(ignored);
  co_await tasks_.stop();
}

Task<Published> RoutePublisher::publish(std::vector<BranchId> branches) {
  co_return co_await serve({.branches = std::move(branches)});
}

Task<Published> RoutePublisher::publish_all() {
  co_return co_await serve({.all = true});
}

Task<Published> RoutePublisher::serve(Order order) {
  const auto give_up = std::chrono::steady_clock::now() + kAckTimeout;
  const auto place = orders_.insert(orders_.end(), &order);
  struct Leave {
    std::list<Order*>& list;
    std::list<Order*>::iterator place;
    ~Leave() { list.erase(place); }
  };
  {
    const Leave leave{orders_, place};
    ordered_.notify();
    // The catalog's own deadlines bound this.
    while (!order.done && !stopping_) co_await changed_.wait_for(1s);
  }
  if (!order.version) co_return std::unexpected(order.version.error());
  Published published{*order.version, behind(*order.version)};
  while (!published.waiting_for.empty() && std::chrono::steady_clock::now() < give_up) {
    co_await changed_.wait_until(give_up);
    published.waiting_for = behind(published.version);
  }
  for (const GateId& gate : published.waiting_for) {
    // One that is not connected is no alarm: it may be starting, and asks for everything when it
    // is.
    if (gates() == 0) break;
    log::warn("routes", "gate {} has not acknowledged version {}", gate.str(), published.version);
  }
  co_return published;
}

asio::awaitable<void> RoutePublisher::flush_loop() {
  auto next_refresh = std::chrono::steady_clock::now() + kRefresh;
  while (!stopping_) {
    const bool waiting = std::ranges::any_of(orders_, [](const Order* one) { return !one->done; });
    if (waiting) {
      (void)co_await serve_orders();
    } else if (std::chrono::steady_clock::now() >= next_refresh) {
      co_await refresh();
      next_refresh = std::chrono::steady_clock::now() + kRefresh;
    } else {
      co_await ordered_.wait_until(next_refresh);
    }
  }
}

// All orders that wait are one reading of the catalog and one update. Orders may come and leave
// while the catalog is asked.
Task<void> RoutePublisher::serve_orders() {
  std::set<BranchId> branches;
  bool all = false;
  for (Order* order : orders_) {
    if (order->done) continue;
    order->taken = true;
    all = all || order->all;
    branches.insert(order->branches.begin(), order->branches.end());
  }
  const auto version =
      all ? co_await flush_all() : co_await flush({branches.begin(), branches.end()});
  for (Order* order : orders_) {
    if (order->done || !order->taken) continue;
    order->version = version;
    order->done = true;
  }
  changed_.notify();
  co_return Result<void>{};
}

Task<std::uint64_t> RoutePublisher::flush(std::vector<BranchId> branches) {
  HOWDAH_CO_TRY(std::vector<Route> routes,
                co_await route_store::load(platform_.catalog.pool(), branches));
  broadcast(table_.apply(branches, std::move(routes)));
  co_return table_.version();
}

Task<std::uint64_t> RoutePublisher::flush_all() {
  HOWDAH_CO_TRY(std::vector<Route> routes,
                co_await route_store::load_all(platform_.catalog.pool()));
  const auto update = table_.replace_all(std::move(routes));
  if (update) log::info("routes", "{} routes changed", update->upserted.size());
  broadcast(update);
  co_return table_.version();
}

// Passwords and rules that ended by the clock arrive this way.
asio::awaitable<void> RoutePublisher::refresh() {
  const auto flushed = co_await flush_all();
  if (!flushed) log::debug("routes", "compare with the catalog: {}", flushed.error().to_log());
}

Task<void> RoutePublisher::use_loop() {
  while (true) {
    co_await net::sleep_for(kUseSave);
    std::map<BranchId, BranchUse> all;
    for (const GateLink* link : links_) {
      for (const auto& [branch, one] : link->use()) all.insert_or_assign(branch, use(branch));
    }
    if (all.empty()) continue;
    std::vector<BranchUse> list;
    for (const auto& [branch, one] : all) list.push_back(one);
    const auto saved = co_await route_store::save_use(platform_.catalog.pool(), std::move(list));
    if (!saved) log::debug("routes", "keep the use of branches: {}", saved.error().to_log());
  }
}

asio::awaitable<void> RoutePublisher::accept_loop() {
  while (!stopping_) {
    auto [error, socket] = co_await acceptor_.async_accept(net::kToken);
    if (stopping_ || error == asio::error::operation_aborted) co_return;
    if (error) {
      log::warn("routes", "accept a gate: {}", error.message());
      co_await net::sleep_for(1s);
    } else if (links_.size() < kGatesMax) {
      tasks_.spawn("routes", serve_gate(std::move(socket)));
    }
  }
}

asio::awaitable<void> RoutePublisher::serve_gate(net::Local::socket socket) {
  GateLink link(std::move(socket), table_,
                {.changed = [this] { tell_change(); },
                 .denied = [this](auto denied) { on_denied_(std::move(denied)); },
                 .role_changes = [this](auto roles) { on_role_changes_(std::move(roles)); },
                 .logins = [this](auto logins) { on_logins_(std::move(logins)); }});
  struct Registration {
    RoutePublisher& publisher;
    std::list<GateLink*>::iterator place;
    ~Registration() {
      publisher.links_.erase(place);
      publisher.tell_change();
    }
  } registration{*this, links_.insert(links_.end(), &link)};
  const auto ended = co_await link.run();
  const bool orderly = ended || ended.error().code == ErrorCode::unavailable ||
                       ended.error().code == ErrorCode::cancelled;
  if (orderly) {
    log::info("routes", "gate {} left", link.id().str());
  } else {
    log::warn("routes", "gate {}: {}", link.id().str(), ended.error().to_log());
  }
}

void RoutePublisher::tell_change() {
  platform_.changes.note();
  changed_.notify();
}

void RoutePublisher::broadcast(const std::optional<RouteUpdate>& update) {
  if (!update) return;
  const auto message = std::make_shared<const boost::json::value>(to_json(*update));
  for (GateLink* link : links_) link->send(message);
}

bool RoutePublisher::gate_has_lost_us() const {
  std::error_code ignored;
  return gates() == 0 &&
         std::filesystem::exists(platform_.config.runtime_dir / "gate.sock", ignored);
}

std::vector<GateId> RoutePublisher::behind(std::uint64_t version) const {
  std::vector<GateId> late;
  for (const GateLink* link : links_) {
    if (link->live() && link->acknowledged() < version) late.push_back(link->id());
  }
  if (gate_has_lost_us()) late.emplace_back("of this machine (not connected)");
  return late;
}

BranchUse RoutePublisher::use(const BranchId& branch) const {
  BranchUse sum{branch, 0, {}};
  for (const GateLink* link : links_) {
    const auto one = link->use().find(branch);
    if (one == link->use().end()) continue;
    sum.open_sessions += one->second.open_sessions;
    sum.last_activity = std::max(sum.last_activity, one->second.last_activity);
  }
  return sum;
}

std::int64_t RoutePublisher::open_sessions() const {
  std::int64_t sum = 0;
  for (const GateLink* link : links_) {
    for (const auto& [branch, one] : link->use()) sum += one.open_sessions;
  }
  return sum;
}

std::size_t RoutePublisher::gates() const {
  return static_cast<std::size_t>(std::ranges::count_if(links_, &GateLink::live));
}

}  // namespace howdah::control
