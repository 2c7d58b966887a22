// SPDX-License-Identifier: Apache-2.0
// Who is connected, as GET /v1/clients and /v1/pools of the gate's own API tell it. Pure.
#pragma once
#include <boost/json.hpp>
#include <cstdint>

#include "gate/live_sessions.h"

namespace howdah::gate {

inline constexpr std::size_t kClientsMax = 1'001;  // in one answer

struct ClientQuery {
  BranchId branch;
  std::uint64_t after = 0;  // the number of the last client that was seen
  std::size_t limit = kClientsMax;
};

// {"clients":[{"number","port","mode","client_address","role","database","application_name",
//   "tls_version" (null: none),"connected_at","state","server_pid" (null: not logged in yet),
//   "received_bytes","sent_bytes","last_activity_at"}, ...]}, in the order of their numbers.
// state: connecting, idle, active, "idle in transaction", "idle in failed transaction".
boost::json::object clients_json(const LiveSessions& sessions, const ClientQuery& query);

// {"pools":[{"role","database","port","mode","clients","active_clients","waiting_clients",
//   "servers","active_servers","idle_servers","limit","oldest_wait_ms",
//   "received_bytes","sent_bytes"}, ...]}, one for each role, logical database and port.
// In session mode a client that is not connecting has a server of its own. Bytes: of the sessions
// that are open.
boost::json::object pools_json(const LiveSessions& sessions, const BranchId& branch,
                               std::int64_t limit, Timestamp at);

}  // namespace howdah::gate
