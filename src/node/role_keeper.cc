// SPDX-License-Identifier: Apache-2.0
#include "node/role_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "crypto/random.h"
#include "instance/provision_store.h"

namespace howdah::node {
namespace {

using Clock = std::chrono::steady_clock;
using instance::RoleInside;
using instance::RolesInside;

constexpr milliseconds kWriteLater{500};
constexpr milliseconds kSweep{5'000};
constexpr milliseconds kPrepareMax{10'000};
// A tenant can keep the look from its answer (a lock on pg_authid), but not the stop.
constexpr milliseconds kLookLastMax{2'000};

const RoleInside* find_role(const RolesInside& inside, std::string_view name) {
  const auto found = std::ranges::find(inside.roles, name, &RoleInside::name);
  return found == inside.roles.end() ? nullptr : &*found;
}

// Inside is the data directory that the manifest tells about.
bool is_own(const Manifest& manifest, const RolesInside& inside) {
  return inside.mark == manifest.mark ||
         (!manifest.mark_before.empty() && inside.mark == manifest.mark_before);
}

bool has_same_rights(const ManifestRole& role, const RoleInside& inside) {
  return role.can_login == inside.can_login && role.valid_until == inside.valid_until;
}

bool is_settled(const Manifest& manifest, const RolesInside& inside) {
  if (!is_own(manifest, inside) || !manifest.mark_before.empty()) return false;
  return std::ranges::all_of(manifest.roles, [&](const ManifestRole& role) {
    const RoleInside* found = find_role(inside, role.name);
    return found == nullptr ||
           (!role.is_pending() && role.inside == found->password && has_same_rights(role, *found));
  });
}

// Later than the one before, whatever the clock does: who hears of changes tells them apart by it.
Timestamp next_change(const ManifestRole& role) {
  const Timestamp at = now();
  return role.changed_at ? std::max(at, *role.changed_at + milliseconds{1}) : at;
}

// What can be written of a password.
std::string writable(const std::string& password) {
  return password.starts_with('!') ? std::string() : password;
}

nodeapi::RoleState state_of(const ManifestRole& role) {
  nodeapi::RoleState state{role.name};
  if (role.password.starts_with('!')) {
    state.problem = role.password.substr(1);
  } else if (role.password.empty()) {
    state.problem = "none";
  } else {
    state.verifier = role.password;
  }
  state.can_login = role.can_login;
  state.valid_until = role.valid_until;
  state.changed_at = role.changed_at;
  return state;
}

bool runs(const InstanceUnit& unit) {
  return unit.state() == InstanceState::running && !unit.retiring();
}

std::vector<nodeapi::RoleState> states_of(const Manifest& manifest) {
  std::vector<nodeapi::RoleState> states;
  for (const ManifestRole& role : manifest.roles) states.push_back(state_of(role));
  return states;
}

}  // namespace

// The one connection to an instance, for one user at a time.
struct RoleKeeper::Desk {
  explicit Desk(asio::any_io_executor executor) : free(std::move(executor)) {
    free.expires_at(Clock::time_point::max());
  }
  bool taken = false;
  asio::steady_timer free;
  std::optional<pg::Connection> connection;
  Clock::time_point used = Clock::now();
};

class RoleKeeper::Turn {
 public:
  explicit Turn(std::shared_ptr<Desk> desk) : desk_(std::move(desk)) { desk_->taken = true; }
  Turn(Turn&&) noexcept = default;
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (!desk_) return;
    // One that a failure left inside a transaction would hold its locks.
    if (desk_->connection && (desk_->connection->broken() || desk_->connection->in_transaction())) {
      desk_->connection.reset();
    }
    desk_->taken = false;
    desk_->used = Clock::now();
    desk_->free.cancel();
  }
  // Opens the connection where there is none.
  Task<pg::Connection*> connect(instance::InstancePlace place) {
    auto& connection = desk_->connection;
    if (connection && !connection->alive()) connection.reset();
    if (!connection) {
      HOWDAH_CO_TRY(pg::Connection opened,
                    co_await pg::Connection::open(instance::admin_options(place)));
      connection.emplace(std::move(opened));
    }
    co_return &*connection;
  }

 private:
  std::shared_ptr<Desk> desk_;
};

RoleKeeper::RoleKeeper(Parts parts) : parts_(parts) {}
RoleKeeper::~RoleKeeper() = default;

asio::awaitable<RoleKeeper::Turn> RoleKeeper::take_turn(InstanceId id) {
  auto& slot = desks_[id];
  if (!slot) slot = std::make_shared<Desk>(parts_.executor);
  const std::shared_ptr<Desk> desk = slot;
  // Whoever has it has deadlines.
  while (desk->taken) co_await desk->free.async_wait(net::kToken);
  co_return Turn(desk);
}

Task<std::vector<nodeapi::RoleState>> RoleKeeper::look(InstanceId id) {
  HOWDAH_CO_TRY(const UnitPtr unit, parts_.registry.require(id));
  if (unit->state() == InstanceState::stopping) {
    co_return fail(ErrorCode::conflict, "the instance is being stopped", "ask again");
  }
  if (runs(*unit)) {
    Turn turn = co_await take_turn(id);
    const auto fresh = co_await refresh(unit, turn, Clients::present);
    // Not a failure; and not what was seen last either, which a change just before is not in.
    if (!fresh && !runs(*unit)) {
      co_return fail(ErrorCode::conflict, "the instance was stopped while it was looked at",
                     "ask again");
    }
    // What counts is known, although it cannot be written inside now.
    if (!fresh && fresh.error().code != ErrorCode::conflict) {
      co_return std::unexpected(fresh.error());
    }
  }
  co_return states_of(unit->manifest());
}

Task<void> RoleKeeper::set(InstanceId id, std::vector<nodeapi::RolePassword> passwords) {
  HOWDAH_CO_TRY(const UnitPtr unit, parts_.registry.require(id));
  Turn turn = co_await take_turn(id);
  HOWDAH_CO_CHECK(co_await unit->update([passwords](Manifest& manifest) {
    for (const nodeapi::RolePassword& wanted : passwords) {
      auto role = std::ranges::find(manifest.roles, wanted.name, &ManifestRole::name);
      if (role == manifest.roles.end()) {
        role = manifest.roles.insert(role, ManifestRole{.name = wanted.name});
      }
      role->password = wanted.verifier;
      role->changed_at.reset();
    }
  }));
  if (!runs(*unit)) co_return Result<void>{};
  // What its users changed a moment ago is overridden, as if they had done it a moment earlier.
  auto written = co_await refresh(unit, turn, Clients::none_yet);
  // One that was stopped meanwhile gets it before its next first client.
  if (!written && !runs(*unit)) co_return Result<void>{};
  co_return written;
}

Task<void> RoleKeeper::prepare(UnitPtr unit) {
  const Manifest& manifest = unit->manifest();
  if (!manifest.has_pending_roles() && manifest.mark_before.empty()) co_return Result<void>{};
  Turn turn = co_await take_turn(unit->id());
  co_return co_await net::with_deadline(refresh(unit, turn, Clients::none_yet), kPrepareMax,
                                        "write the passwords of roles");
}

Task<void> RoleKeeper::look_last(UnitPtr unit) {
  if (unit->manifest().is_spare()) co_return Result<void>{};
  co_return co_await net::with_deadline(take_in(unit), kLookLastMax,
                                        "look for changed passwords before the stop");
}

Task<void> RoleKeeper::take_in(UnitPtr unit) {
  Turn turn = co_await take_turn(unit->id());
  co_return co_await refresh(unit, turn, Clients::present);
}

Task<void> RoleKeeper::refresh(UnitPtr unit, Turn& turn, Clients clients) {
  HOWDAH_CO_TRY(pg::Connection * connection,
                co_await turn.connect(parts_.environment.place_of(unit->id())));
  HOWDAH_CO_TRY(const RolesInside inside, co_await instance::read_roles(*connection));
  const Manifest& manifest = unit->manifest();
  if (is_settled(manifest, inside)) co_return Result<void>{};
  // Who only takes in a change need not keep others from the next one: that is found as well.
  const bool writes = manifest.has_pending_roles() || !is_own(manifest, inside);
  HOWDAH_CO_CHECK(co_await instance::begin_role_change(*connection, writes));
  co_return co_await reconcile(unit, *connection, clients);
}

// In this order: what counts is durable in the manifest, then it is inside, then the manifest says
// so. Cut off anywhere, it is done again from what is there.
Task<void> RoleKeeper::reconcile(UnitPtr unit, pg::Connection& connection, Clients clients) {
  HOWDAH_CO_TRY(const RolesInside inside, co_await instance::read_roles(connection));
  const Manifest& manifest = unit->manifest();
  const bool own = is_own(manifest, inside);
  if (!own) {
    log::info("instance", "{}: its data is an older state; its passwords are written again",
              unit->id().str());
  }
  std::vector<ManifestRole> roles = manifest.roles;
  std::vector<instance::RoleWrite> writes;
  for (ManifestRole& role : roles) {
    const RoleInside* found = find_role(inside, role.name);
    if (found == nullptr) continue;
    const bool platform_wins = !own || (clients == Clients::none_yet && role.is_pending());
    if (!platform_wins && found->password != role.inside) {
      role.password = found->password;
      role.changed_at = next_change(role);
      log::info("instance", "{}: role {} has changed its password", unit->id().str(), role.name);
    }
    if (!has_same_rights(role, *found)) {
      role.can_login = found->can_login;
      role.valid_until = found->valid_until;
      role.changed_at = next_change(role);
    }
    role.inside = found->password;
    const bool differs =
        !role.password.starts_with('!') ? role.is_pending() : !own && !found->password.empty();
    if (differs) writes.push_back({role.name, writable(role.password)});
  }
  const std::string mark = crypto::make_uuid();
  const std::string before = own ? inside.mark : std::string();
  HOWDAH_CO_CHECK(co_await unit->update([roles, mark, before](Manifest& next) {
    next.roles = roles;
    next.mark = mark;
    next.mark_before = before;
  }));
  HOWDAH_CO_CHECK(co_await instance::commit_role_change(connection, writes, mark));
  for (ManifestRole& role : roles) {
    const auto written = std::ranges::find(writes, role.name, &instance::RoleWrite::name);
    if (written != writes.end()) role.inside = written->password;
  }
  co_return co_await unit->update([roles](Manifest& next) {
    next.roles = roles;
    next.mark_before.clear();
  });
}

void RoleKeeper::note_change(const UnitPtr& unit) {
  if (unit->state() != InstanceState::running) {
    const auto desk = desks_.find(unit->id());
    if (desk != desks_.end() && !desk->second->taken) desks_.erase(desk);
    return;
  }
  const Manifest& manifest = unit->manifest();
  if (manifest.is_spare() || !manifest.has_pending_roles()) return;
  if (!writing_.insert(unit->id()).second) return;
  parts_.background.spawn("node", write_later(unit));
}

asio::awaitable<void> RoleKeeper::write_later(UnitPtr unit) {
  // Nobody needs it soon: clients log in through the gate, which has its own copy.
  co_await net::sleep_for(kWriteLater);
  writing_.erase(unit->id());
  if (!runs(*unit)) co_return;
  Turn turn = co_await take_turn(unit->id());
  const auto written = co_await refresh(unit, turn, Clients::present);
  // It may have been stopped meanwhile; then it is done at its next start.
  if (!written && runs(*unit)) {
    log::info("instance", "{}: passwords not written: {}", unit->id().str(),
              written.error().to_log());
  }
}

Task<void> RoleKeeper::run() {
  for (;;) {
    co_await net::sleep_for(kSweep);
    const auto unused_since = Clock::now() - kSweep;
    std::erase_if(desks_, [&](const auto& one) {
      return !one.second->taken && one.second->used < unused_since;
    });
  }
}

}  // namespace howdah::node
