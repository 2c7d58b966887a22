// SPDX-License-Identifier: Apache-2.0
#include "gate/live_sessions.h"

#include <fmt/format.h>

#include <utility>

namespace howdah::gate {
namespace {

constexpr std::string_view kAdminShutdown = "57P01";

pgwire::ErrorFields ending(std::string message, std::string hint = {}) {
  return {"FATAL",
          std::string(kAdminShutdown),
          "terminating connection: " + std::move(message),
          {},
          std::move(hint)};
}

}  // namespace

struct LiveSessions::Slot::State {
  LiveSessions* all;
  std::map<BranchId, Branch>::iterator branch;
  std::list<State*>::iterator place;
  SessionIdentity identity;
  Cut cut;
  ClientFacts facts;
  std::function<SessionTraffic()> look;
};

LiveSessions::LiveSessions() = default;
LiveSessions::~LiveSessions() = default;

LiveSessions::Slot::Slot(std::unique_ptr<State> state) : state_(std::move(state)) {}
LiveSessions::Slot::Slot() = default;
LiveSessions::Slot::Slot(Slot&& other) noexcept = default;

LiveSessions::Slot& LiveSessions::Slot::operator=(Slot&& other) noexcept {
  Slot old(std::move(*this));
  state_ = std::move(other.state_);
  return *this;
}

LiveSessions::Slot::~Slot() {
  if (!state_) return;
  Branch& branch = state_->branch->second;
  branch.sessions.erase(state_->place);
  --branch.open;
  --state_->all->size_;
}

const SessionIdentity& LiveSessions::Slot::identity() const {
  return state_->identity;
}

Timestamp* LiveSessions::Slot::activity() const {
  return &state_->branch->second.last_activity;
}

void LiveSessions::Slot::on_cut(Cut cut) {
  state_->cut = std::move(cut);
}

void LiveSessions::Slot::describe(ClientFacts facts) {
  facts.number = state_->facts.number;
  state_->facts = std::move(facts);
}

void LiveSessions::Slot::on_look(std::function<SessionTraffic()> look) {
  state_->look = std::move(look);
}

Result<LiveSessions::Slot> LiveSessions::open(SessionIdentity identity,
                                              std::int64_t max_connections) {
  const auto branch = branches_.try_emplace(identity.branch_id).first;
  if (branch->second.open >= max_connections) {
    return fail(ErrorCode::too_many_connections,
                fmt::format("too many connections: this database allows {}", max_connections),
                "close some, use the pooled port, or raise maxConnections");
  }
  ++branch->second.open;
  ++size_;
  branch->second.last_activity = now();
  auto state = std::make_unique<Slot::State>(
      Slot::State{this, branch, branch->second.sessions.end(), std::move(identity), {}, {}, {}});
  state->facts.number = ++last_number_;
  state->facts.since = branch->second.last_activity;
  state->place = branch->second.sessions.insert(branch->second.sessions.end(), state.get());
  return Slot(std::move(state));
}

std::size_t LiveSessions::judge(const std::vector<BranchId>& branches, const RouteTable& routes,
                                Timestamp at) {
  std::size_t count = 0;
  for (const BranchId& id : branches) {
    const auto branch = branches_.find(id);
    if (branch == branches_.end()) continue;
    for (Slot::State* state : branch->second.sessions) {
      if (!state->cut) continue;  // not relayed yet: judged once more before that
      const auto reason = reason_to_end(routes, state->identity, at);
      if (!reason) continue;
      // The relay destroys what it cuts later, so the list stays as it is here.
      std::exchange(state->cut, {})(*reason);
      ++count;
    }
  }
  return count;
}

Result<void> LiveSessions::cut(const BranchId& branch, std::uint64_t number,
                               const pgwire::ErrorFields& reason) {
  if (const auto found = branches_.find(branch); found != branches_.end()) {
    for (Slot::State* state : found->second.sessions) {
      if (state->facts.number != number) continue;
      if (!state->cut) {
        // Cut already it is as good as gone.
        if (state->look) break;
        return fail(ErrorCode::conflict, "this client is still connecting", "try again");
      }
      std::exchange(state->cut, {})(reason);
      return {};
    }
  }
  return fail(ErrorCode::not_found, "there is no such client any more");
}

void LiveSessions::visit(const BranchId& branch,
                         const std::function<void(const ClientView&)>& seen) const {
  const auto found = branches_.find(branch);
  if (found == branches_.end()) return;
  for (const Slot::State* state : found->second.sessions) {
    seen(
        {state->identity, state->facts, state->look ? std::optional(state->look()) : std::nullopt});
  }
}

std::vector<BranchId> LiveSessions::with_expired_rules(const RouteTable& routes, Timestamp after,
                                                       Timestamp at) const {
  std::vector<BranchId> expired;
  for (const auto& [id, branch] : branches_) {
    const RouteRef served = branch.open > 0 ? routes.find(id) : nullptr;
    if (!served) continue;
    const auto expiry = served->firewall.next_expiry(after);
    if (expiry && *expiry <= at) expired.push_back(id);
  }
  return expired;
}

std::vector<BranchId> LiveSessions::active_since(Timestamp at) const {
  std::vector<BranchId> active;
  for (const auto& [id, branch] : branches_) {
    if (branch.open > 0 && branch.last_activity >= at) active.push_back(id);
  }
  return active;
}

std::vector<BranchUse> LiveSessions::take_changed_use(bool everything) {
  std::vector<BranchUse> changed;
  for (auto next = branches_.begin(); next != branches_.end();) {
    const auto here = next++;
    auto& [id, branch] = *here;
    if (everything || branch.open != branch.reported_open ||
        branch.last_activity != branch.reported_activity) {
      changed.push_back({id, branch.open, branch.last_activity});
      branch.reported_open = branch.open;
      branch.reported_activity = branch.last_activity;
    }
    if (branch.open == 0) branches_.erase(here);
  }
  return changed;
}

Result<void> check_open(const Route& route) {
  switch (route.state) {
    case RouteState::open:
      return {};
    case RouteState::paused:
      return fail(ErrorCode::database_paused, "this database is paused",
                  fmt::format("resume it, on the dashboard or with POST /api/databases/{}/resume",
                              route.database_id.str()));
    case RouteState::deleted:
      return fail(ErrorCode::database_deleted, "this database was deleted",
                  fmt::format("it can be brought back with howdah db undelete {}", route.slug));
    case RouteState::sealed:
      break;
  }
  return fail(ErrorCode::unavailable, "this branch is sealed: " + route.sealed_reason);
}

std::optional<pgwire::ErrorFields> reason_to_end(const RouteTable& routes,
                                                 const SessionIdentity& identity, Timestamp at) {
  const RouteRef served = routes.find(identity.branch_id);
  if (!served) return ending("this database is no longer served here");
  if (const auto open = check_open(served->route); !open) {
    return ending(open.error().message, open.error().hint);
  }
  if (served->route.instance_id != identity.instance_id) {
    return ending("the data of this branch was replaced", "connect again");
  }
  const RouteRole* role = served->find_role(identity.role);
  if (role == nullptr) return ending("this role was removed");
  if (role->cut_before && identity.proved_at < *role->cut_before) {
    return ending("the password of this role was changed", "connect again with the new one");
  }
  if (!served->firewall.admits(identity.client, at)) {
    return ending("no firewall rule allows your address any more");
  }
  return std::nullopt;
}

}  // namespace howdah::gate
