// SPDX-License-Identifier: Apache-2.0
// Takes clients from one listening port and starts a task for each.
#pragma once
#include "gate/session.h"
#include "net/fair_places.h"
#include "net/listener.h"
#include "net/task_group.h"

namespace howdah::gate {

class Acceptor {
 public:
  // clients, newcomers: all connections before their relay, and their places, shared by all ports.
  Acceptor(net::Tcp::acceptor listener, PoolMode mode, const SessionParts& parts,
           net::TaskGroup& clients, net::FairPlaces& newcomers);

  std::uint16_t port() const { return port_; }
  // Accepts until stop(). Errors: io_error.
  Task<void> run();
  void stop();

 private:
  // False: no more are waiting, or there is no descriptor for one.
  bool accept_one(int& error);
  // Empty: there is none for this address now.
  std::optional<net::FairPlaces::Place> find_place(const ip::address& address);

  net::Tcp::acceptor listener_;
  PoolMode mode_;
  const SessionParts& parts_;
  net::TaskGroup& clients_;
  net::FairPlaces& newcomers_;
  std::uint16_t port_;
  std::chrono::steady_clock::time_point warned_;
};

}  // namespace howdah::gate
