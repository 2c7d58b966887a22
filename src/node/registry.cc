// SPDX-License-Identifier: Apache-2.0
#include "node/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

#include "model/server_settings.h"

namespace howdah::node {
namespace {

constexpr std::size_t kStartsWaitingMax = 10'000;
// One that replays much WAL waits for the disk, not for a core.
constexpr milliseconds kStartCounts{1'000};

// More starts at once than this only make each other late: of a hundred sleepers that are woken
// together, the first are served in a moment instead of all of them at the end.
std::size_t starts_at_once() {
  return std::max(4U, 2 * std::thread::hardware_concurrency());
}

// A task is a Result, so that offload() can carry it.
Result<void> save_manifest(const os::Path& directory, const Manifest& manifest) {
  return write_manifest(directory, manifest);
}

}  // namespace

Registry::Registry(Parts parts)
    : environment_(parts.environment),
      journal_(parts.journal),
      start_turns_(parts.executor, {.at_once = starts_at_once(),
                                    .waiting_max = kStartsWaitingMax,
                                    .count_for = kStartCounts}),
      services_{parts.executor,
                parts.source,
                parts.journal,
                holds_,
                parts.transitions,
                parts.watchers,
                std::bind_front(&Registry::save, this),
                std::bind_front(&Registry::on_change, this),
                RestartBudget::default_delays(),
                {},
                &start_turns_} {}

Task<void> Registry::save(Manifest manifest) {
  note_inventory_change();
  const os::Path directory = environment_.place_of(manifest.id).directory;
  co_return co_await net::offload(environment_.pool,
                                  std::bind_front(&save_manifest, directory, std::move(manifest)));
}

void Registry::on_change(InstanceUnit& unit, InstanceState) {
  const UnitPtr pointer = unit.shared_from_this();
  const bool asleep = unit.state() == InstanceState::stopped ||
                      (unit.state() == InstanceState::failed && !unit.pid());
  if (asleep) {
    active_.erase(pointer);
  } else {
    active_.insert(pointer);
  }
  if (observer_) observer_(pointer);
}

Task<void> Registry::admit(Manifest manifest) {
  if (!services_.admit) co_return Result<void>{};
  co_return co_await services_.admit(std::move(manifest));
}

UnitPtr Registry::add(Manifest manifest) {
  auto unit = std::make_shared<InstanceUnit>(services_, std::move(manifest));
  units_[unit->id()] = unit;
  note_inventory_change();
  uids_.insert(unit->manifest().uid);
  if (!unit->manifest().is_spare()) note_claimed(unit);
  return unit;
}

void Registry::erase(const UnitPtr& unit) {
  note_inventory_change();
  journal_.append(unit->id(), InstanceState::stopped, "removed");
  holds_.release_all(unit->id());
  const auto claimed = by_token_.find(unit->manifest().token);
  if (claimed != by_token_.end() && claimed->second == unit) {
    by_token_.erase(claimed);
    --claimed_majors_[unit->manifest().pg_major];
  }
  release_uid(unit->manifest().uid);
  active_.erase(unit);
  units_.erase(unit->id());
}

void Registry::note_claimed(const UnitPtr& unit) {
  const bool is_new = by_token_.insert_or_assign(unit->manifest().token, unit).second;
  if (is_new) ++claimed_majors_[unit->manifest().pg_major];
}

UnitPtr Registry::find(const InstanceId& id) const {
  const auto found = units_.find(id);
  return found == units_.end() ? nullptr : found->second;
}

UnitPtr Registry::find_claimed(const std::string& token) const {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? nullptr : found->second;
}

Result<uid_t> Registry::reserve_uid() {
  if (!environment_.users.privileged) return environment_.users.control.uid;
  const os::UidRange& range = environment_.uids;
  if (uids_.size() + 1 >= range.count) {
    return fail(ErrorCode::conflict, "this node has as many instances as it has user ids");
  }
  // By chance, not the lowest: a uid is not used again soon after its instance was removed, in
  // case that something of it is left. The first of the range is the catalog's.
  std::random_device random;
  uid_t uid = std::uniform_int_distribution<uid_t>(1, range.count - 1)(random);
  while (!uids_.insert(range.first + uid).second) uid = uid % (range.count - 1) + 1;
  return range.first + uid;
}

void Registry::release_uid(uid_t uid) {
  uids_.erase(uid);
}

std::vector<UnitPtr> Registry::all() const {
  std::vector<UnitPtr> units;
  units.reserve(units_.size());
  for (const auto& [id, unit] : units_) units.push_back(unit);
  return units;
}

std::size_t Registry::claimed_running_count() const {
  std::size_t count = 0;
  for (const UnitPtr& unit : active_) {
    count += !unit->manifest().is_spare() && unit->state() == InstanceState::running;
  }
  return count;
}

nodeapi::Instance Registry::view(const InstanceUnit& unit) const {
  const Manifest& manifest = unit.manifest();
  nodeapi::Instance view;
  view.id = manifest.id;
  view.state = unit.state();
  view.slug = manifest.slug;
  view.token = manifest.token;
  view.pg_major = manifest.pg_major;
  view.size_class = instance::to_string(manifest.size_class);
  view.socket_directory = environment_.place_of(manifest.id).socket_directory.string();
  view.system_identifier = manifest.system_identifier;
  view.suspend_after_s = manifest.suspend_after_s;
  view.max_connections = manifest.max_connections;
  view.storage_limit_bytes = manifest.storage_limit_bytes;
  if (const auto& storage = unit.storage(); storage.measured) {
    view.storage_bytes = static_cast<std::int64_t>(storage.bytes);
    view.storage_full = storage.full;
  }
  view.held_back = unit.storage().held_back > 0;
  view.settings = manifest.settings;
  view.paused = manifest.paused;
  if (unit.pid()) view.pid = *unit.pid();
  view.last_failure = unit.last_failure();
  view.last_activity = unit.last_activity();
  view.holds = holds_.of(manifest.id, std::chrono::steady_clock::now());
  return view;
}

Result<UnitPtr> Registry::require(const InstanceId& id) const {
  UnitPtr unit = find(id);
  if (!unit) return fail(ErrorCode::not_found, fmt::format("there is no instance {}", id.str()));
  return unit;
}

Result<nodeapi::Instance> Registry::show(const InstanceId& id) const {
  HOWDAH_TRY(const UnitPtr unit, require(id));
  return view(*unit);
}

Task<nodeapi::Instance> Registry::acquire(InstanceId id, nodeapi::AcquireRequest request) {
  HOWDAH_CO_TRY(const UnitPtr unit, require(id));
  // Before the start: or it could be suspended between start and hold.
  HOWDAH_CO_TRY(const bool is_new, holds_.take(id, request, std::chrono::steady_clock::now()));
  const auto running = co_await unit->ensure_running("acquired by " + request.holder);
  if (!running) {
    if (is_new) holds_.release(id, request.holder);
    co_return std::unexpected(running.error());
  }
  // The time to live counts from the answer, however long the start took.
  HOWDAH_CO_CHECK(holds_.take(id, request, std::chrono::steady_clock::now()));
  unit->note_activity();
  co_return view(*unit);
}

std::vector<InstanceId> Registry::renew(const nodeapi::RenewRequest& request) {
  return holds_.renew(request.holder, request.ids, std::chrono::steady_clock::now(),
                      std::chrono::seconds(request.ttl_s));
}

void Registry::release(const InstanceId& id, const std::string& holder) {
  if (!holds_.release(id, holder)) return;
  if (const UnitPtr unit = find(id)) unit->note_activity();
}

void Registry::expire_holds() {
  for (const InstanceId& id : holds_.expire(std::chrono::steady_clock::now())) {
    if (const UnitPtr unit = find(id)) unit->note_activity();
  }
}

Task<nodeapi::Instance> Registry::configure(InstanceId id, nodeapi::InstanceSettings settings) {
  HOWDAH_CO_TRY(const UnitPtr unit, require(id));
  std::optional<instance::SizeClass> size_class;
  if (settings.size_class) {
    HOWDAH_CO_TRY(size_class, instance::parse_size_class(*settings.size_class));
  }
  if (settings.settings) HOWDAH_CO_CHECK(check_server_settings(*settings.settings));
  HOWDAH_CO_CHECK(co_await unit->update([settings, size_class](Manifest& manifest) {
    if (settings.suspend_after_s) manifest.suspend_after_s = *settings.suspend_after_s;
    if (settings.max_connections) manifest.max_connections = *settings.max_connections;
    if (settings.storage_limit_bytes) manifest.storage_limit_bytes = *settings.storage_limit_bytes;
    if (size_class) manifest.size_class = *size_class;
    if (settings.settings) manifest.settings = *settings.settings;
    if (settings.paused) manifest.paused = *settings.paused;
  }));
  unit->storage().due = {};
  co_return view(*unit);
}

Task<nodeapi::Instance> Registry::stop(InstanceId id, bool force) {
  HOWDAH_CO_TRY(const UnitPtr unit, require(id));
  HOWDAH_CO_CHECK(co_await unit->ensure_stopped("stopped on request", force));
  co_return view(*unit);
}

}  // namespace howdah::node
