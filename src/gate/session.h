// SPDX-License-Identifier: Apache-2.0
// One client connection from its first byte to the relay, in the order of ARCHITECTURE.md: TLS,
// start-up, route, firewall, SCRAM, state of the route, limit, wake, login, relay. A client learns
// nothing about a database before it has proved that it may use it; the firewall's refusal is the
// exception, since it comes before the password by design.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "gate/canceller.h"
#include "gate/failed_attempts.h"
#include "gate/handshake.h"
#include "gate/live_sessions.h"
#include "gate/login_log.h"
#include "gate/password_watch.h"
#include "gate/relay.h"
#include "gate/waker.h"
#include "model/denied_attempts.h"
#include "net/fair_places.h"

namespace howdah::gate {

// How a listener's clients get server connections.
enum class PoolMode {
  session,      // one server connection for each client, for as long as it stays
  transaction,  // not built yet: served as `session`
};

struct SessionSettings {
  std::string mock_secret;             // see make_challenge
  bool plaintext_allowed = false;      // for measuring only
  milliseconds authentication_max{0};  // from accept to the right password
  milliseconds login_max{0};           // wake and login together
  std::size_t sessions_max = 20'000;   // of this gate
  // Connections before their relay, of all ports together, so that slow or hostile clients cannot
  // use up the memory. What comes beyond is closed at once, and so is what comes from an address
  // that has more of them than are left.
  std::size_t handshakes_max = 0;
};

// The parts of a gate that a session goes through. All outlive every session.
struct SessionParts {
  asio::any_io_executor executor;
  const SessionSettings& settings;
  const ServerIdentityRef& identity;  // may be replaced between two connections
  const RouteTable& routes;
  LiveSessions& sessions;
  DeniedAttempts& denied;
  FailedAttempts& failures;
  LoginLog& logins;
  PasswordWatch& passwords;
  Waker& waker;
  CancelRegistry& cancel_keys;
  Canceller& canceller;
  Relay& relay;
  Metrics& metrics;
};

struct Client {
  net::SocketIo io;
  ip::address address;
  PoolMode mode;
  net::FairPlaces::Place place;
};

// Ends when the client is refused, or when the relay has taken it over.
asio::awaitable<void> serve_client(const SessionParts& parts, Client client);

}  // namespace howdah::gate
