// SPDX-License-Identifier: Apache-2.0
#include "gate/password_watch.h"

#include <utility>

#include "base/log.h"
#include "pgwire/scram.h"

namespace howdah::gate {
namespace {

using Clock = std::chrono::steady_clock;

// What a gate makes of what it was told. The instance is its users' own, so the text may be
// anything: only a verifier that SCRAM can use, within its bounds, becomes one.
RoleChange change_of(const Route& route, const nodeapi::RoleState& state) {
  RoleChange change{route.branch_id, route.instance_id, state.name};
  change.verifier = state.verifier;
  change.problem = state.problem;
  if (!change.verifier.empty() && !pgwire::parse_verifier(change.verifier)) {
    change.verifier.clear();
    change.problem = "malformed";
  }
  if (change.verifier.empty() && change.problem.empty()) change.problem = "none";
  change.can_login = state.can_login;
  change.valid_until = state.valid_until;
  change.changed_at = *state.changed_at;
  return change;
}

}  // namespace

PasswordWatch::PasswordWatch(asio::any_io_executor executor, Parts parts,
                             PasswordWatchSettings settings)
    : parts_(std::move(parts)), settings_(settings), wake_(executor), asks_(executor) {}

void PasswordWatch::look(const BranchId& branch) {
  due_.insert(branch);
  hurry_ = true;
  wake_.cancel();
}

Task<void> PasswordWatch::run() {
  Timestamp looked = now();
  for (;;) {
    const auto next = Clock::now() + settings_.interval;
    // At least once, so that a tenant who alters roles all the time keeps nobody busy.
    co_await net::sleep_for(settings_.apart_min);
    while (!hurry_ && Clock::now() < next) {
      wake_.expires_at(next);
      co_await wake_.async_wait(net::kToken);
    }
    if (!std::exchange(hurry_, false)) {
      // Bytes that moved in the same millisecond as the last look count once more; a clock that
      // jumps back makes a look too many.
      const Timestamp since = std::min(std::exchange(looked, now()), now());
      for (BranchId& id : parts_.sessions.active_since(since)) due_.insert(std::move(id));
      due_.merge(ended_);
      ended_.clear();
    }
    for (auto branch = due_.begin(); branch != due_.end();) {
      if (asking_.contains(*branch)) {
        ++branch;  // its answer may be older than the change
        continue;
      }
      asking_.insert(*branch);
      asks_.spawn("passwords", ask(*branch));
      branch = due_.erase(branch);
    }
  }
}

Task<void> PasswordWatch::ask(BranchId branch) {
  const RouteRef served = parts_.table.find(branch);
  if (!served) {
    asking_.erase(branch);
    co_return Result<void>{};
  }
  auto roles = co_await net::with_deadline(parts_.node.roles(served->route.instance_id),
                                           settings_.answer_max, "ask for changed passwords");
  asking_.erase(branch);
  if (due_.contains(branch)) {
    hurry_ = true;
    wake_.cancel();
  }
  if (!roles) {
    log::debug("passwords", "{}: {}", served->route.instance_id.str(), roles.error().to_log());
    // Nobody may ever log in with the new password who is not helped by a later look.
    const ErrorCode code = roles.error().code;
    if (code == ErrorCode::unavailable || code == ErrorCode::timeout ||
        code == ErrorCode::conflict) {
      ended_.insert(branch);
    }
    co_return Result<void>{};
  }
  co_return take_in(branch, served->route, *roles);
}

Result<void> PasswordWatch::take_in(const BranchId& branch, const Route& route,
                                    const std::vector<nodeapi::RoleState>& roles) {
  RouteUpdate update;
  for (const nodeapi::RoleState& state : roles) {
    if (!state.changed_at) continue;
    RoleChange change = change_of(route, state);
    if (!parts_.table.learn(change)) continue;
    if (change.verifier.empty()) {
      log::info("passwords", "role {} has no password that can be used ({}): nobody can log in",
                change.role, change.problem);
    } else {
      log::info("passwords", "role {} was changed by SQL", change.role);
    }
    update.learned.push_back(std::move(change));
  }
  if (update.learned.empty()) return {};
  update.version = parts_.table.version();
  parts_.saver.save(std::move(update));
  parts_.on_change({branch});
  return {};
}

asio::awaitable<void> PasswordWatch::stop() {
  co_await asks_.stop();
}

}  // namespace howdah::gate
