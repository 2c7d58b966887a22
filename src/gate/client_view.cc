// SPDX-License-Identifier: Apache-2.0
#include "gate/client_view.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace howdah::gate {
namespace {

// The pooled port relays sessions too, until transaction pooling is there.
constexpr const char* kMode = "session";

const char* port_of(const ClientFacts& facts) {
  return facts.pooled_port ? "pooled" : "direct";
}

const char* state_of(const std::optional<SessionTraffic>& traffic) {
  if (!traffic) return "connecting";
  switch (traffic->state) {
    case SessionTraffic::State::idle:
      return "idle";
    case SessionTraffic::State::in_transaction:
      return "idle in transaction";
    case SessionTraffic::State::in_failed_transaction:
      return "idle in failed transaction";
    case SessionTraffic::State::active:
      break;
  }
  return "active";
}

struct Pool {
  std::int64_t clients = 0, waiting = 0, active = 0;
  std::uint64_t received = 0, sent = 0;
  std::optional<Timestamp> oldest_wait;
};

}  // namespace

boost::json::object clients_json(const LiveSessions& sessions, const ClientQuery& query) {
  boost::json::array rows;
  sessions.visit(query.branch, [&](const ClientView& client) {
    if (client.facts.number <= query.after || rows.size() >= query.limit) return;
    const auto& traffic = client.traffic;
    const auto& tls = client.facts.tls_version;
    rows.push_back(boost::json::object{
        {"number", client.facts.number},
        {"port", port_of(client.facts)},
        {"mode", kMode},
        {"client_address", client.identity.client.to_string()},
        {"role", client.identity.role},
        {"database", client.facts.database},
        {"application_name", client.facts.application_name},
        {"tls_version", tls.empty() ? boost::json::value(nullptr) : boost::json::value(tls)},
        {"connected_at", to_rfc3339(client.facts.since)},
        {"state", state_of(traffic)},
        {"server_pid", traffic ? boost::json::value(traffic->server_pid) : nullptr},
        {"received_bytes", traffic ? traffic->from_client_bytes : 0},
        {"sent_bytes", traffic ? traffic->to_client_bytes : 0},
        {"last_activity_at", to_rfc3339(traffic ? traffic->last_activity : client.facts.since)}});
  });
  return {{"clients", std::move(rows)}};
}

boost::json::object pools_json(const LiveSessions& sessions, const BranchId& branch,
                               std::int64_t limit, Timestamp at) {
  std::map<std::tuple<std::string, std::string, bool>, Pool> pools;
  sessions.visit(branch, [&](const ClientView& client) {
    Pool& pool = pools[{client.identity.role, client.facts.database, client.facts.pooled_port}];
    ++pool.clients;
    if (!client.traffic) {
      ++pool.waiting;
      pool.oldest_wait = std::min(pool.oldest_wait.value_or(at), client.facts.since);
      return;
    }
    if (client.traffic->state != SessionTraffic::State::idle) ++pool.active;
    pool.received += client.traffic->from_client_bytes;
    pool.sent += client.traffic->to_client_bytes;
  });
  boost::json::array rows;
  for (const auto& [key, pool] : pools) {
    const auto& [role, database, pooled] = key;
    const std::int64_t servers = pool.clients - pool.waiting;
    const auto wait = at - pool.oldest_wait.value_or(at);
    rows.push_back(boost::json::object{{"role", role},
                                       {"database", database},
                                       {"port", pooled ? "pooled" : "direct"},
                                       {"mode", kMode},
                                       {"clients", pool.clients},
                                       {"active_clients", pool.active},
                                       {"waiting_clients", pool.waiting},
                                       {"servers", servers},
                                       {"active_servers", pool.active},
                                       {"idle_servers", servers - pool.active},
                                       {"limit", limit},
                                       {"oldest_wait_ms", wait.count()},
                                       {"received_bytes", pool.received},
                                       {"sent_bytes", pool.sent}});
  }
  return {{"pools", std::move(rows)}};
}

}  // namespace howdah::gate
