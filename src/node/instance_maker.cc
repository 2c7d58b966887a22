// SPDX-License-Identifier: Apache-2.0
#include "node/instance_maker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "instance/hardening_store.h"
#include "instance/identity.h"
#include "instance/provision_store.h"
#include "instance/template.h"
#include "model/names.h"
#include "node/disk_guard.h"
#include "node/orphans.h"
#include "node/owner.h"
#include "node/shared_memory.h"

namespace howdah::node {
namespace {

using Clock = std::chrono::steady_clock;

struct CloneTimes {
  std::uint64_t system_identifier = 0;
  milliseconds snapshot{}, owner{}, identity{};
};

milliseconds since(Clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - begin);
}

// From template to a data directory of its own: owner and identity.
Result<CloneTimes> clone_template(volume::Volume& volume, const std::string& source,
                                  const std::string& destination,
                                  std::optional<os::UserIds> owner) {
  CloneTimes times;
  const auto begin = Clock::now();
  HOWDAH_CHECK(volume.clone(source, destination));
  times.snapshot = since(begin);
  const os::Path data = volume.root() / destination;
  // Before the change of owner: the first sync after a snapshot writes out all that it has changed.
  HOWDAH_TRY(times.system_identifier, instance::give_own_identity(data));
  times.identity = since(begin) - times.snapshot;
  if (owner) HOWDAH_CHECK(give_to_user(data, *owner));
  times.owner = since(begin) - times.identity - times.snapshot;
  return times;
}

// uid: of this instance only; empty where instances share one.
Result<void> remove_files(const Environment& environment, const InstanceId& id,
                          std::optional<uid_t> uid) {
  const instance::InstancePlace place = environment.place_of(id);
  HOWDAH_CHECK(environment.sandbox->release(instance::sandbox_name(place)));
  HOWDAH_CHECK(environment.volume->remove(Environment::volume_path(id)));
  HOWDAH_CHECK(os::remove_tree(place.socket_directory));
  if (uid) return remove_shared_memory(*uid);
  return {};
}

Result<os::Path> move_aside(const instance::InstancePlace& place, const os::Path& root) {
  const os::Path folder = root / kOrphansFolder;
  HOWDAH_CHECK(os::make_directory(folder, 0700));
  std::string name = to_rfc3339(now()).substr(0, 19) + "Z-" + place.directory.filename().string();
  std::erase(name, ':');
  const os::Path aside = folder / name;
  if (::rename(place.directory.c_str(), aside.c_str()) != 0) {
    return fail_errno("move " + place.directory.string() + " aside", errno);
  }
  HOWDAH_CHECK(os::sync_directory(folder));
  HOWDAH_CHECK(os::sync_directory(place.directory.parent_path()));
  (void)os::remove_tree(place.socket_directory);
  return aside;
}

}  // namespace

InstanceMaker::InstanceMaker(Parts parts)
    : parts_(parts),
      making_(parts.executor, parts.tasks),
      removing_(parts.executor, parts.tasks),
      turns_(parts.executor, {.at_once = kMakingMax, .waiting_max = kWaitingMax}) {}

Result<void> InstanceMaker::check_space() const {
  HOWDAH_TRY(const os::DiskSpace space, parts_.environment.volume->room());
  // Overwriting what a clone shares needs new blocks, so a volume must never be near its end.
  const ByteCount needed =
      disk_thresholds(space.size_bytes, parts_.environment.volume->alone()).refuse;
  if (space.free_bytes >= needed) return {};
  return fail(
      ErrorCode::volume_full,
      fmt::format("the volume has only {} of {} free; a new database needs {} left",
                  to_pretty(space.free_bytes), to_pretty(space.size_bytes), to_pretty(needed)),
      "delete databases that are not needed, or make the volume larger");
}

Task<UnitPtr> InstanceMaker::make(Manifest settings) {
  settings.id = make_instance_id();
  settings.slug = make_slug();
  for (ManifestRole& role : settings.roles) role.name = owner_role(settings.slug);
  const InstanceId id = settings.id;
  co_return co_await making_.run(id,
                                 std::bind_front(&InstanceMaker::build, this, std::move(settings)));
}

Task<UnitPtr> InstanceMaker::build(Manifest manifest) {
  HOWDAH_CO_TRY(const auto turn, co_await turns_.take());
  auto unit = co_await build_parts(manifest);
  if (!unit) {
    const auto discarded = co_await discard(manifest.id);
    if (discarded) {
      parts_.registry.release_uid(manifest.uid);
    } else {
      log::warn("node", "{}: cannot remove what is half-made: {}", manifest.id.str(),
                discarded.error().to_log());
    }
  }
  co_return unit;
}

Task<UnitPtr> InstanceMaker::build_parts(Manifest& manifest) {
  Environment& environment = parts_.environment;
  HOWDAH_CO_CHECK(check_space());
  HOWDAH_CO_CHECK(co_await parts_.registry.admit(manifest));
  HOWDAH_CO_TRY(const std::string source, co_await parts_.templates.ensure(manifest.pg_major));
  HOWDAH_CO_TRY(manifest.uid, parts_.registry.reserve_uid());
  manifest.template_format = instance::kTemplateFormat;
  manifest.hardening = instance::hardening_id();
  manifest.created_at = now();
  const auto begin = Clock::now();
  const std::string destination = Environment::volume_path(manifest.id) + "/data";
  HOWDAH_CO_TRY(
      const CloneTimes times,
      co_await net::offload(environment.pool,
                            std::bind_front(&clone_template, std::ref(*environment.volume), source,
                                            destination, environment.user_of(manifest.uid))));
  manifest.system_identifier = times.system_identifier;
  manifest.owner_durable = !environment.users.privileged;
  const milliseconds cloned = since(begin);
  HOWDAH_CO_TRY(auto postmaster, co_await parts_.source.start(manifest));
  const milliseconds started = since(begin);
  const instance::InstancePlace place = environment.place_of(manifest.id);
  HOWDAH_CO_CHECK(co_await instance::take_slug(place, manifest.slug));
  const milliseconds named = since(begin);
  HOWDAH_CO_CHECK(co_await net::offload(
      environment.pool, std::bind_front(&write_manifest, place.directory, manifest)));
  log::debug(
      "node",
      "made {} in {} ms: snapshot {}, owner {}, identity {}, start {}, names {}, manifest {}",
      manifest.id.str(), since(begin).count(), times.snapshot.count(), times.owner.count(),
      times.identity.count(), (started - cloned).count(), (named - started).count(),
      (since(begin) - named).count());
  UnitPtr unit = parts_.registry.add(manifest);
  unit->attach(std::move(postmaster), "made");
  if (!manifest.owner_durable) parts_.owner_sync.note(unit);
  co_return unit;
}

Task<void> InstanceMaker::remove(UnitPtr unit, bool force) {
  const InstanceId id = unit->id();
  HOWDAH_CO_CHECK(co_await removing_.run(
      id, std::bind_front(&InstanceMaker::take_away, this, std::move(unit), force)));
  co_return Result<void>{};
}

Task<std::monostate> InstanceMaker::take_away(UnitPtr unit, bool force) {
  HOWDAH_CO_CHECK(co_await unit->retire(force));
  auto deleted = co_await delete_files(unit->id(), unit->manifest().uid);
  if (!deleted) {
    // Still there and still known, so that the caller can ask again.
    unit->revive();
    co_return std::unexpected(std::move(deleted).error());
  }
  parts_.registry.erase(unit);
  co_return std::monostate{};
}

Task<os::Path> InstanceMaker::set_aside(UnitPtr unit) {
  HOWDAH_CO_CHECK(co_await unit->ensure_stopped("set aside", false));
  HOWDAH_CO_CHECK(co_await unit->retire(false));
  Environment& environment = parts_.environment;
  const instance::InstancePlace place = environment.place_of(unit->id());
  auto moved = co_await net::offload(
      environment.pool, std::bind_front(&move_aside, place, environment.volume->root()));
  if (!moved) {
    unit->revive();
    co_return moved;
  }
  const uid_t uid = unit->manifest().uid;
  parts_.registry.erase(unit);
  // Its files are still there.
  parts_.registry.keep_uid(uid);
  log::warn("node", "{} was set aside, with all its data: {}", unit->id().str(), moved->string());
  co_return moved;
}

Task<void> InstanceMaker::delete_files(InstanceId id, uid_t uid) {
  Environment& environment = parts_.environment;
  // Half-made ones may still have the owner of the template.
  const os::UidRange& range = environment.uids;
  const bool own = uid > range.first && uid - range.first < range.count;
  co_return co_await net::offload(environment.pool,
                                  std::bind_front(&remove_files, std::cref(environment), id,
                                                  own ? std::optional(uid) : std::nullopt));
}

Task<void> InstanceMaker::discard(InstanceId id) {
  Environment& environment = parts_.environment;
  const instance::InstancePlace place = environment.place_of(id);
  uid_t uid = 0;
  if (std::filesystem::exists(place.lock()) && std::filesystem::exists(place.data())) {
    // Whoever owns the data may have processes on it, and nobody else.
    Manifest manifest;
    manifest.id = id;
    HOWDAH_CO_TRY(uid, owner_of(place.data()));
    manifest.uid = uid;
    HOWDAH_CO_TRY(auto postmaster, co_await parts_.source.adopt(manifest));
    if (postmaster) HOWDAH_CO_CHECK(co_await postmaster->kill());
  }
  co_return co_await delete_files(id, uid);
}

}  // namespace howdah::node
