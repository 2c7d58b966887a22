// SPDX-License-Identifier: Apache-2.0
// What a gate must know to serve one branch without asking anybody. howdahd publishes it, every
// gate keeps it in memory and in a file (docs/formats/route-stream.md).
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "model/denied_attempts.h"
#include "model/role_change.h"

namespace howdah {

// One password of a role as the server checks it: "SCRAM-SHA-256$4096:salt$stored:server".
struct RouteVerifier {
  std::string verifier;
  std::optional<Timestamp> valid_until = {};  // empty: for ever
  std::int64_t generation = 0;                // of the credential; 0: howdahd does not know it yet
};

struct RouteRole {
  std::string name;                           // the real role in the instance: "user_k3v9x2ab"
  std::vector<RouteVerifier> verifiers = {};  // any of them opens; none: nobody can log in
  bool can_login = true;
  std::optional<Timestamp> valid_until = {};  // of the role, whatever its passwords
  // Of the newest password, or the loss of the last, that howdahd knows: changes that an instance
  // reports count only when they are later.
  std::optional<Timestamp> changed_at = {};
  std::optional<Timestamp> cut_before = {};  // sessions opened before then are ended
};

// An allowed network in CIDR form. With no rule everybody is allowed, unless default_closed.
struct RouteRule {
  std::string network;
  std::optional<Timestamp> expires_at;
};

// open: clients are served. Otherwise they are refused with the matching error.
enum class RouteState { open, paused, deleted, sealed };

struct Route {
  BranchId branch_id;
  DatabaseId database_id;
  InstanceId instance_id;
  std::string slug;             // of the database: "k3v9x2ab"
  std::string branch = "main";  // branch slug
  RouteState state = RouteState::open;
  std::string sealed_reason;                   // for state sealed: public text
  std::vector<std::string> logical_databases;  // platform names: "tenant_k3v9x2ab", its "_shadow"
  std::vector<RouteRole> roles;
  std::vector<RouteRule> rules;
  bool default_closed = false;
  std::int64_t max_connections = 20;  // server connections of the branch
};

boost::json::value to_json(const Route& route);
Result<Route> route_from_json(const boost::json::value& value);
std::string_view to_string(RouteState state);

// A message of the route stream, howdahd -> gate. A snapshot replaces everything the gate has; a
// change adds to version - 1. Versions only grow, also over restarts of howdahd.
struct RouteUpdate {
  bool snapshot = false;
  std::uint64_t version = 0;
  std::vector<Route> upserted;
  std::vector<BranchId> removed;
  // In a gate's own file only: what it has learned by itself and howdahd does not know yet. A line
  // with nothing else has the version of the line before it.
  std::vector<RoleChange> learned = {};
};

// It has the version of the update before it.
bool adds_nothing_but_learned(const RouteUpdate& update);

boost::json::value to_json(const RouteUpdate& update);
Result<RouteUpdate> route_update_from_json(const boost::json::value& value);

// Gate -> howdahd: who it is (first message), then what it has applied and kept, use, whom its
// firewalls refused, passwords that were changed by SQL, and which passwords are in use.
struct GateHello {
  GateId gate_id;
  std::uint64_t version = 0;  // 0: nothing kept
};
struct GateAck {
  std::uint64_t version = 0;
};
// Client sessions of one branch at this gate; sent when it changes, at most once a second.
struct BranchUse {
  BranchId branch_id;
  std::int64_t open_sessions = 0;
  Timestamp last_activity;
};
// Of refused attempts in one message; a gate sends at most one such message a second.
inline constexpr std::size_t kDeniedPerMessageMax = 256;
// The same for passwords: changed ones, and the logins with each.
inline constexpr std::size_t kRolesPerMessageMax = 256;
struct GateMessage {
  std::optional<GateHello> hello;
  std::optional<GateAck> ack;
  std::vector<BranchUse> use;
  std::vector<DeniedAttempt> denied;
  std::vector<RoleChange> role_changes = {};
  std::vector<LoginSeen> logins = {};
};

boost::json::value to_json(const GateMessage& message);
Result<GateMessage> gate_message_from_json(const boost::json::value& value);

}  // namespace howdah
