// SPDX-License-Identifier: Apache-2.0
#include "gate/acceptor.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"

namespace howdah::gate {
namespace {

constexpr int kAcceptsMax = 64;  // in a row, before others get their turn
constexpr milliseconds kPauseWithoutDescriptors{100};
constexpr std::chrono::minutes kWarnInterval{1};

ip::address address_of(const sockaddr_storage& peer) {
  net::Tcp::endpoint endpoint;
  const std::size_t size = peer.ss_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  std::memcpy(endpoint.data(), &peer, size);
  endpoint.resize(size);
  return endpoint.address();
}

}  // namespace

Acceptor::Acceptor(net::Tcp::acceptor listener, PoolMode mode, const SessionParts& parts,
                   Newcomers newcomers)
    : listener_(std::move(listener)),
      mode_(mode),
      parts_(parts),
      newcomers_(newcomers),
      port_(listener_.local_endpoint().port()) {
  listener_.native_non_blocking(true);
}

bool Acceptor::accept_one(int& error) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  os::UniqueFd fd(::accept4(listener_.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                            SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    error = errno;
    // A client that went away before it was accepted is no trouble of ours.
    return error == ECONNABORTED || error == EINTR;
  }
  ip::address address = address_of(peer);
  auto place = find_place(address);
  if (!place) {
    ++parts_.metrics.connections_refused_total;
    return true;
  }
  ++parts_.metrics.connections_total;
  net::set_interactive(fd.get());
  newcomers_.tasks.spawn(
      "client", serve_client(parts_, Client{net::SocketIo(std::move(fd)), std::move(address), mode_,
                                            std::move(*place)}));
  return true;
}

std::optional<net::FairPlaces::Place> Acceptor::find_place(const ip::address& address) {
  const std::string party = net::party_of(address);
  if (parts_.failures.too_many(party) &&
      newcomers_.places.taken_by(party) >= FailedAttempts::kPlacesWhenTooMany) {
    return std::nullopt;
  }
  return newcomers_.places.take(party);
}

Task<void> Acceptor::run() {
  while (listener_.is_open()) {
    auto [fault] = co_await listener_.async_wait(net::Tcp::acceptor::wait_read, net::kToken);
    if (fault) co_return net::fail_net("wait for clients", fault);
    int error = 0;
    for (int i = 0; i < kAcceptsMax && accept_one(error); ++i) {
    }
    if (error != EMFILE && error != ENFILE && error != ENOMEM && error != ENOBUFS) continue;
    ++parts_.metrics.connections_refused_total;
    const auto time = std::chrono::steady_clock::now();
    if (time - warned_ > kWarnInterval) {
      warned_ = time;
      log::warn("gate", "cannot accept clients: {}; raise the limit of open files or close some",
                std::strerror(error));
    }
    co_await net::sleep_for(kPauseWithoutDescriptors);
  }
  co_return Result<void>{};
}

void Acceptor::stop() {
  error_code ignored;
  listener_.close(ignored);
}

}  // namespace howdah::gate
