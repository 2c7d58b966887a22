// SPDX-License-Identifier: Apache-2.0
// The sessions that are past authentication, by branch: how many server connections a branch has,
// when its clients were last active, and which sessions a change of their route ends.
// Owned by the gate, used on its one thread.
#pragma once
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gate/route_table.h"
#include "pgwire/message.h"

namespace howdah::gate {

// What a session was admitted as.
struct SessionIdentity {
  BranchId branch_id;
  InstanceId instance_id;
  std::string role;
  ip::address client;
  Timestamp proved_at = {};  // when its password was found right
};

// What is shown of a client, beside its identity.
struct ClientFacts {
  std::uint64_t number = 0;  // 1, 2, 3, ... of this gate; given by LiveSessions
  bool pooled_port = false;
  std::string database;  // logical
  std::string application_name;
  std::string tls_version;  // empty: no TLS
  Timestamp since;
};

// What a session that is relayed does.
struct SessionTraffic {
  enum class State { idle, active, in_transaction, in_failed_transaction };
  State state = State::active;
  std::uint32_t server_pid = 0;
  std::uint64_t from_client_bytes = 0;
  std::uint64_t to_client_bytes = 0;
  Timestamp last_activity;
};

struct ClientView {
  const SessionIdentity& identity;
  const ClientFacts& facts;
  std::optional<SessionTraffic> traffic;  // empty: it is still connecting
};

// The route serves no clients now. Errors: database_paused, database_deleted, unavailable (sealed).
Result<void> check_open(const Route& route);

// Why a live session must end under the present routes; empty: it may go on.
std::optional<pgwire::ErrorFields> reason_to_end(const RouteTable& routes,
                                                 const SessionIdentity& identity, Timestamp at);

class LiveSessions {
  struct Branch;

 public:
  using Cut = std::function<void(const pgwire::ErrorFields&)>;

  // One server connection's place under the branch's limit. Must not outlive the LiveSessions.
  class Slot {
   public:
    Slot();
    Slot(Slot&& other) noexcept;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

    const SessionIdentity& identity() const;
    Timestamp* activity() const;  // of the branch; good as long as the slot
    // From now on a change of the route may end the session by calling cut, once.
    void on_cut(Cut cut);
    void describe(ClientFacts facts);  // all but its number
    // look: called while the slot lives, until it is set to another.
    void on_look(std::function<SessionTraffic()> look);

   private:
    friend class LiveSessions;
    struct State;
    explicit Slot(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };

  LiveSessions();
  ~LiveSessions();

  // Errors: too_many_connections.
  Result<Slot> open(SessionIdentity identity, std::int64_t max_connections);

  // Judges the sessions of these branches again and cuts those that may not go on; returns how
  // many were cut.
  std::size_t judge(const std::vector<BranchId>& branches, const RouteTable& routes, Timestamp at);
  // Cuts one session of a branch. Errors: not_found; conflict while it is still connecting.
  Result<void> cut(const BranchId& branch, std::uint64_t number, const pgwire::ErrorFields& reason);
  // In the order of their numbers.
  void visit(const BranchId& branch, const std::function<void(const ClientView&)>& seen) const;

  // Branches with a firewall rule that has expired in (after, at].
  std::vector<BranchId> with_expired_rules(const RouteTable& routes, Timestamp after,
                                           Timestamp at) const;

  // Branches with sessions whose bytes moved since then.
  std::vector<BranchId> active_since(Timestamp at) const;

  // What has changed since the last call, or everything.
  std::vector<BranchUse> take_changed_use(bool everything);

  std::size_t size() const { return size_; }

 private:
  struct Branch {
    std::int64_t open = 0;
    Timestamp last_activity;
    std::int64_t reported_open = 0;
    Timestamp reported_activity;
    std::list<Slot::State*> sessions;
  };

  std::map<BranchId, Branch> branches_;  // with sessions, or not yet reported as empty
  std::size_t size_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace howdah::gate
