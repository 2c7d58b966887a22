// SPDX-License-Identifier: Apache-2.0
// Takes clients from one listening port and starts a task for each.
#pragma once
#include "gate/session.h"
#include "net/fair_places.h"
#include "net/listener.h"
#include "net/task_group.h"

namespace howdah::gate {

// All connections before their relay, and their places: shared by all ports.
struct Newcomers {
  net::TaskGroup& tasks;
  net::FairPlaces& places;
};

class Acceptor {
 public:
  Acceptor(net::Tcp::acceptor listener, PoolMode mode, const SessionParts& parts,
           Newcomers newcomers);

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
  Newcomers newcomers_;
  std::uint16_t port_;
  std::chrono::steady_clock::time_point warned_;
};

}  // namespace howdah::gate
