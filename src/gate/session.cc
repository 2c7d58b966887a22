// SPDX-License-Identifier: Apache-2.0
#include "gate/session.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "gate/authentication.h"
#include "gate/backend_login.h"
#include "gate/resolve.h"

namespace howdah::gate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kRefusalMax{2'000};  // to get rid of an error message
constexpr std::size_t kShownNameMax = 63;   // as PostgreSQL cuts them

// A client that has proved who it is.
struct Admitted {
  RouteRef route;
  LiveSessions::Slot slot;
  Waker::Lease lease;
  pgwire::ClientStartup startup;
  std::string database;
  std::string server_final;  // not sent yet: it goes out together with the instance's greeting
};

// Everything that a relayed session holds.
class RelayedSession : public RelayOwner {
 public:
  RelayedSession(LiveSessions::Slot slot, Waker::Lease lease, CancelRegistry::Entry key)
      : slot_(std::move(slot)), lease_(std::move(lease)), key_(std::move(key)) {}
  ~RelayedSession() override {
    slot_.on_cut({});
    slot_.on_look({});
    if (parts_ != nullptr) parts_->passwords.note_end(slot_.identity().branch_id);
  }
  // It is being relayed or was: its branch's roles may have changed.
  void on_role_altered() override { parts_->passwords.look(slot_.identity().branch_id); }

  void attach(const SessionParts& parts, Relay::Session* relayed) {
    parts_ = &parts;
    relayed_ = relayed;
    slot_.on_cut(std::bind_front(&RelayedSession::cut, this));
    slot_.on_look(std::bind_front(&RelayedSession::look, this));
  }
  LiveSessions::Slot& slot() { return slot_; }
  const CancelRegistry::Entry& key() const { return key_; }

 private:
  SessionTraffic look() const {
    SessionTraffic traffic = parts_->relay.look(*relayed_);
    traffic.server_pid = key_.key().process_id;
    return traffic;
  }
  void cut(const pgwire::ErrorFields& reason) {
    ++parts_->metrics.sessions_cut_total;
    // Closing alone would let a long statement run on for a client that may not use it any more.
    parts_->canceller.cut(key_.target());
    parts_->relay.cut(relayed_, pgwire::build_error_response(reason));
  }

  LiveSessions::Slot slot_;
  Waker::Lease lease_;
  CancelRegistry::Entry key_;
  const SessionParts* parts_ = nullptr;
  Relay::Session* relayed_ = nullptr;
};

void count_refusal(Metrics& metrics, ErrorCode code) {
  switch (code) {
    case ErrorCode::authentication_failed:
      ++metrics.authentication_failures_total;
      break;
    case ErrorCode::address_not_allowed:
      ++metrics.firewall_refusals_total;
      break;
    case ErrorCode::too_many_connections:
      ++metrics.limit_refusals_total;
      break;
    default:
      ++metrics.handshakes_failed_total;
  }
}

// True: its address has failed so often that it is to wait for the answer. A connection that was
// only tried and left again, as by a health probe, is no attempt.
bool note_failure(const SessionParts& parts, const ip::address& address, ErrorCode code) {
  if (code == ErrorCode::io_error || code == ErrorCode::cancelled) return false;
  return parts.failures.add(net::party_of(address), address.to_string());
}

Task<void> send_last(Wire& wire, std::string message) {
  auto sent = co_await wire.write(std::move(message));
  if (sent) wire.connection().io().end_output();
  co_return sent;
}

// Tells the client, where there is one to tell.
asio::awaitable<void> refuse(Wire& wire, std::string message) {
  co_await net::with_deadline(send_last(wire, std::move(message)), kRefusalMax, "refuse a client");
}

asio::awaitable<void> refuse(Wire& wire, const Error& error) {
  const bool nobody_listens = error.code == ErrorCode::io_error ||
                              error.code == ErrorCode::cancelled ||
                              error.code == ErrorCode::timeout;
  if (nobody_listens) co_return;
  co_await refuse(wire, pgwire::build_error_response(error));
}

// Where a client came from.
struct Origin {
  ip::address address;
  PoolMode mode;
};

// A branch that is not there is judged as the database's main one: an address that may not enter
// it gets no prompt for a password either.
Result<void> admit(const SessionParts& parts, const Destination& to, const Origin& origin) {
  const RouteRef& judged = to.route ? to.route : to.decoy_route;
  const Timestamp at = now();
  if (!judged || judged->firewall.admits(origin.address, at)) return {};
  const std::string address = rule_text(origin.address);
  const bool direct = origin.mode == PoolMode::session;
  parts.denied.add({judged->route.branch_id, address, direct ? 1 : 0, direct ? 0 : 1, at, at});
  return fail(ErrorCode::address_not_allowed,
              "no firewall rule of this database allows your address, " + address,
              "its owner can allow it: howdah firewall add " + judged->route.slug + " " + address);
}

// From the first byte to the right password. Empty: it was a cancel request, and is done.
Task<std::optional<Admitted>> authenticate_client(const SessionParts& parts, Wire& wire,
                                                  Origin origin) {
  HOWDAH_CO_TRY(auto asked,
                co_await meet_client(wire, parts.identity, parts.settings.plaintext_allowed));
  if (auto* cancel = std::get_if<pgwire::CancelRequest>(&asked)) {
    co_await parts.canceller.serve(std::move(*cancel));
    co_return std::optional<Admitted>{};
  }
  auto request = std::get<SessionRequest>(std::move(asked));
  Destination to = resolve(parts.routes, request.startup, request.server_name);
  HOWDAH_CO_CHECK(admit(parts, to, origin));
  auto challenge = make_challenge(to, request, parts.settings.mock_secret, now());
  HOWDAH_CO_TRY(Proven proven,
                co_await authenticate(wire, std::move(challenge), request.startup.user));

  assert(to.route && to.role != nullptr);
  // From here on the client may hear the truth. The route may have changed meanwhile.
  const RouteRef route = parts.routes.find(to.route->route.branch_id);
  if (!route) co_return fail(ErrorCode::database_unknown, "this database is no longer served here");
  HOWDAH_CO_CHECK(check_open(route->route));
  if (parts.sessions.size() >= parts.settings.sessions_max) {
    co_return fail(ErrorCode::too_many_connections, "this server has too many sessions");
  }
  const Timestamp at = now();
  parts.logins.add({route->route.branch_id, to.role_name, proven.generation, at});
  SessionIdentity identity{route->route.branch_id, route->route.instance_id, to.role_name,
                           origin.address, at};
  HOWDAH_CO_TRY(auto slot, parts.sessions.open(std::move(identity), route->route.max_connections));
  ClientFacts facts;
  facts.pooled_port = origin.mode == PoolMode::transaction;
  facts.database = printable_utf8(std::string_view(to.database).substr(0, kShownNameMax));
  facts.application_name =
      printable_utf8(request.startup.application_name().substr(0, kShownNameMax));
  facts.tls_version = wire.connection().io().tls_version();
  facts.since = now();
  slot.describe(std::move(facts));
  Admitted admitted;
  admitted.route = route;
  admitted.slot = std::move(slot);
  admitted.startup = std::move(request.startup);
  admitted.database = std::move(to.database);
  admitted.server_final = std::move(proven.server_final);
  co_return std::optional(std::move(admitted));
}

LoginRequest make_login(const SessionParts& parts, const Admitted& admitted) {
  LoginRequest request;
  request.socket_path = parts.waker.socket_path(admitted.route->route.instance_id);
  request.role = admitted.slot.identity().role;
  request.database = admitted.database;
  request.parameters = admitted.startup.forwarded;
  if (!admitted.startup.replication.empty()) {
    request.parameters.push_back({"replication", admitted.startup.replication});
  }
  return request;
}

std::unexpected<Error> not_ready(const NotReady& refusal) {
  if (refusal.message.empty()) {
    return fail(ErrorCode::unavailable, "the database does not accept connections",
                "try again in a moment");
  }
  return fail(ErrorCode::unavailable, "the database is starting up or shutting down",
              "try again in a moment");
}

// Wakes the instance and logs in, again and again while it comes or goes.
Task<LoginOutcome> reach_instance(const SessionParts& parts, const Waker::Lease& lease,
                                  LoginRequest request) {
  constexpr milliseconds kPauseMax{200};
  milliseconds pause{5};
  const auto give_up = Clock::now() + parts.settings.login_max;
  for (;;) {
    HOWDAH_CO_CHECK(co_await parts.waker.ensure_running(lease));
    HOWDAH_CO_TRY(auto outcome, co_await log_in(parts.executor, request));
    const auto* refusal = std::get_if<NotReady>(&outcome);
    if (refusal == nullptr) co_return std::move(outcome);
    if (Clock::now() + pause >= give_up) co_return not_ready(*refusal);
    parts.waker.doubt(lease);
    co_await net::sleep_for(pause);
    pause = std::min(2 * pause, kPauseMax);
  }
}

void hand_over(const SessionParts& parts, Wire wire, Admitted admitted, BackendSession server) {
  auto key = parts.cancel_keys.add(
      {parts.waker.socket_path(admitted.route->route.instance_id), std::move(server.key)});
  std::string greeting = pgwire::build_authentication_sasl_final(admitted.server_final) +
                         pgwire::build_authentication_ok() + server.greeting +
                         pgwire::build_backend_key_data(key.key()) + server.ready;
  auto from_client = std::move(wire).release();
  auto from_server = std::move(server.wire).release();
  greeting += from_server.buffered;

  auto owner = std::make_unique<RelayedSession>(std::move(admitted.slot), std::move(admitted.lease),
                                                std::move(key));
  RelayedSession& session = *owner;
  Relay::Session* relayed =
      parts.relay.start({std::move(from_client.io), std::move(from_server.io), std::move(greeting),
                         std::move(from_client.buffered)},
                        session.slot().activity(), std::move(owner));
  session.attach(parts, relayed);
}

// As reach_instance(), given up when the client goes away, so that its place becomes free.
Task<LoginOutcome> reach_while_wanted(const SessionParts& parts, Wire& wire,
                                      const Admitted& admitted) {
  using namespace asio::experimental::awaitable_operators;
  auto outcome = co_await (reach_instance(parts, admitted.lease, make_login(parts, admitted)) ||
                           wire.until_closed());
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  co_return fail(ErrorCode::io_error, "the client went away while its database started");
}

// From the right password to the relay. An error is for the client.
Task<void> connect_client(const SessionParts& parts, Wire& wire, Admitted admitted,
                          Clock::time_point accepted) {
  admitted.lease = parts.waker.use(admitted.route->route.instance_id);
  auto reached = co_await net::with_deadline(reach_while_wanted(parts, wire, admitted),
                                             parts.settings.login_max + kRefusalMax,
                                             "reach the database's instance");
  if (!reached && reached.error().code == ErrorCode::timeout) {
    reached.error().code = ErrorCode::unavailable;  // for this client it is just not there
  }
  HOWDAH_CO_TRY(auto outcome, std::move(reached));
  if (auto* refused = std::get_if<LoginRefused>(&outcome)) {
    co_await refuse(wire, std::move(refused->message));
    co_return Result<void>{};
  }
  // What the client was admitted by may have changed while its instance woke.
  if (const auto reason = reason_to_end(parts.routes, admitted.slot.identity(), now())) {
    co_await refuse(wire, pgwire::build_error_response(*reason));
    co_return Result<void>{};
  }
  hand_over(parts, std::move(wire), std::move(admitted),
            std::get<BackendSession>(std::move(outcome)));
  parts.metrics.handshake.add(Clock::now() - accepted);
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<void> serve_client(const SessionParts& parts, Client client) {
  const auto accepted = Clock::now();
  Wire wire(net::Connection(parts.executor, std::move(client.io)));
  Origin origin{client.address, client.mode};
  auto admitted =
      co_await net::with_deadline(authenticate_client(parts, wire, std::move(origin)),
                                  parts.settings.authentication_max, "authenticate a client");
  if (!admitted) {
    count_refusal(parts.metrics, admitted.error().code);
    const bool slowly = note_failure(parts, client.address, admitted.error().code);
    log::debug("session", "{}: {}", client.address.to_string(), admitted.error().to_log());
    if (slowly) co_await net::sleep_for(FailedAttempts::kDelay);
    co_await refuse(wire, admitted.error());
    co_return;
  }
  if (!*admitted) co_return;
  auto connected = co_await connect_client(parts, wire, std::move(**admitted), accepted);
  if (connected) co_return;
  log::info("session", "{}: {}", client.address.to_string(), connected.error().to_log());
  co_await refuse(wire, connected.error());
}

}  // namespace howdah::gate
