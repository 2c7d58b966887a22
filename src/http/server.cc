// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "http/detail/session.h"
#include "net/fair_places.h"
#include "net/task_group.h"

namespace howdah::http {
namespace {

constexpr milliseconds kTickMax{1'000};
constexpr milliseconds kTickMin{10};

// Timeouts are checked this often; small limits (tests) are checked more often.
milliseconds tick_of(const ServerLimits& limits) {
  const milliseconds shortest = std::min(
      {limits.read_timeout, limits.idle_timeout, limits.write_timeout, limits.handshake_timeout});
  return std::clamp(shortest / 4, kTickMin, kTickMax);
}

// Errors that end a listener, as opposed to those of the one connection that failed.
bool ends_listener(const error_code& error) {
  return error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
         error == asio::error::invalid_argument;
}

}  // namespace

struct Server::Impl {
  Impl(asio::any_io_executor executor_, const Router& router, ServerLimits limits)
      : executor(executor_),
        context{router, limits, {}},
        places(limits.connections_max),
        listeners(executor),
        sessions(executor),
        tick(executor) {}

  template <typename Acceptor>
  asio::awaitable<void> accept_loop(Acceptor& acceptor, net::TlsContext tls);
  using Place = std::optional<net::FairPlaces::Place>;  // empty: of the machine's own
  void open(net::Tcp::socket socket, net::TlsContext tls);
  void open(net::Local::socket socket);
  asio::awaitable<void> run_session(std::unique_ptr<detail::Stream> stream, detail::Peer peer,
                                    Place place);
  void start_tick();
  void on_tick(const error_code& error);

  asio::any_io_executor executor;
  detail::SessionContext context;
  std::list<net::Tcp::acceptor> tcp_acceptors;
  std::list<net::Local::acceptor> local_acceptors;
  net::FairPlaces places;  // of those over TCP
  net::TaskGroup listeners;
  net::TaskGroup sessions;
  std::set<detail::Session*> live;
  asio::steady_timer tick;
  bool ticking = false;
};

template <typename Acceptor>
asio::awaitable<void> Server::Impl::accept_loop(Acceptor& acceptor, net::TlsContext tls) {
  bool warned = false;
  while (!context.stopping) {
    auto [error, socket] = co_await acceptor.async_accept(net::kToken);
    if (context.stopping || ends_listener(error)) co_return;
    if (error) {
      // No descriptors or memory left: said once, and the others are served meanwhile.
      if (!std::exchange(warned, true)) log::warn("http", "accept: {}", error.message());
      co_await net::sleep_for(milliseconds{100});
      continue;
    }
    // Over a limit the socket is closed by going out of scope. Those who come over the network
    // cannot take the places of the machine's own.
    if constexpr (std::is_same_v<Acceptor, net::Tcp::acceptor>) {
      if (tls && context.handshakes >= context.limits.handshakes_max) continue;
      open(std::move(socket), tls);
    } else {
      if (sessions.size() - places.taken() >= context.limits.connections_max) continue;
      open(std::move(socket));
    }
  }
}

void Server::Impl::open(net::Tcp::socket socket, net::TlsContext tls) {
  error_code error;
  auto address = socket.remote_endpoint(error).address();
  if (error) return;
  // An IPv4 client of a socket that listens on [::].
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  Place place = places.take(net::party_of(address));
  if (!place) return;
  sessions.spawn("http", run_session(detail::make_stream(std::move(socket), std::move(tls)),
                                     {std::nullopt, address.to_string()}, std::move(place)));
}

void Server::Impl::open(net::Local::socket socket) {
  auto credentials = net::peer_credentials(socket);
  if (!credentials) return;
  sessions.spawn("http", run_session(detail::make_stream(std::move(socket)), {*credentials, {}},
                                     std::nullopt));
}

asio::awaitable<void> Server::Impl::run_session(std::unique_ptr<detail::Stream> stream,
                                                detail::Peer peer, Place) {
  detail::Session session(context, std::move(stream), std::move(peer));
  struct Registration {
    Impl& impl;
    detail::Session* session;
    ~Registration() { impl.live.erase(session); }
  } registration{*this, &session};
  live.insert(&session);
  start_tick();
  co_await session.run();
}

void Server::Impl::start_tick() {
  if (ticking) return;
  ticking = true;
  tick.expires_after(tick_of(context.limits));
  tick.async_wait(std::bind_front(&Impl::on_tick, this));
}

void Server::Impl::on_tick(const error_code& error) {
  if (error) return;
  ticking = false;
  const auto now = std::chrono::steady_clock::now();
  for (detail::Session* session : live) session->check_deadline(now);
  if (!live.empty()) start_tick();
}

Server::Server(asio::any_io_executor executor, const Router& router, ServerLimits limits)
    : impl_(std::make_unique<Impl>(std::move(executor), router, limits)) {}
Server::~Server() = default;

void Server::serve(net::Tcp::acceptor acceptor, net::TlsContext tls) {
  auto& kept = impl_->tcp_acceptors.emplace_back(std::move(acceptor));
  impl_->listeners.spawn("http", impl_->accept_loop(kept, std::move(tls)));
}

void Server::serve(net::Local::acceptor acceptor) {
  auto& kept = impl_->local_acceptors.emplace_back(std::move(acceptor));
  impl_->listeners.spawn("http", impl_->accept_loop(kept, nullptr));
}

void Server::set_strict_transport(bool strict) {
  impl_->context.strict_transport = strict;
}

asio::awaitable<void> Server::stop(milliseconds drain) {
  impl_->context.stopping = true;
  error_code ignored;
  for (auto& acceptor : impl_->tcp_acceptors) (void)acceptor.close(ignored);
  for (auto& acceptor : impl_->local_acceptors) (void)acceptor.close(ignored);
  co_await impl_->listeners.stop();
  // A copy: closing may end a session at once.
  const auto live = impl_->live;
  for (detail::Session* session : live) session->begin_stop();
  co_await impl_->sessions.stop(drain);
  impl_->tick.cancel();
}

}  // namespace howdah::http
