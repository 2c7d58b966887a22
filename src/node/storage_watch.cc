// SPDX-License-Identifier: Apache-2.0
#include "node/storage_watch.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "instance/provision_store.h"

namespace howdah::node {
namespace {

constexpr milliseconds kTick{50};
constexpr milliseconds kLookMax{30'000};
constexpr milliseconds kLookFull{200};
// The fastest that an instance is taken to grow.
constexpr ByteCount kGrowthPerSecond = 512_MiB;
constexpr ByteCount kHardRoomMin = 64_MiB;
constexpr ByteCount kLiftPart = 50;  // of the limit: 2 %

struct Measured {
  ByteCount all = 0, wal = 0;
};

Result<Measured> measure(volume::Volume& volume, const std::string& data) {
  HOWDAH_TRY(const ByteCount all, volume.allocated(data));
  // Gone: it is being stopped and removed.
  return Measured{all, std::min(all, volume.allocated(data + "/pg_wal").value_or(0))};
}

}  // namespace

ByteCount storage_hard_limit(ByteCount bytes) {
  return bytes + std::max(bytes / 8, kHardRoomMin);
}

milliseconds storage_look_after(std::optional<ByteCount> left_bytes) {
  if (!left_bytes) return kLookMax;
  if (*left_bytes == 0) return kLookFull;
  const milliseconds soonest{static_cast<std::int64_t>(*left_bytes * 1000 / kGrowthPerSecond)};
  return std::clamp(soonest, kTick, kLookMax);
}

bool storage_is_full(ByteCount bytes, ByteCount limit_bytes, bool was_full) {
  if (limit_bytes == 0) return false;
  return bytes >= (was_full ? limit_bytes - limit_bytes / kLiftPart : limit_bytes);
}

void StorageWatch::note_change(const UnitPtr& unit) {
  if (unit->state() != InstanceState::running) return;
  unit->storage().due = {};
  unit->storage().told.reset();
}

Task<void> StorageWatch::run() {
  while (true) {
    // A copy: the set may change while one is measured.
    const std::vector<UnitPtr> active(registry_.active().begin(), registry_.active().end());
    for (const UnitPtr& unit : active) {
      if (unit->manifest().is_spare() || unit->storage().due > Clock::now()) continue;
      const auto looked = co_await look(unit);
      if (!looked && looked.error().code == ErrorCode::cancelled) co_return looked;  // we end
      // One that is stopped meanwhile takes its connections along.
      if (looked || !unit->serving()) continue;
      log::warn("storage", "{}: {}", unit->id().str(), looked.error().to_log());
      unit->storage().due = Clock::now() + kLookMax / 10;
    }
    co_await net::sleep_for(kTick);
  }
}

Task<void> StorageWatch::look(UnitPtr unit) {
  const auto postmaster = unit->serving();
  if (!postmaster) co_return Result<void>{};
  const std::string data = Environment::volume_path(unit->id()) + "/data";
  HOWDAH_CO_TRY(
      const Measured measured,
      co_await net::offload(environment_.pool,
                            std::bind_front(&measure, std::ref(*environment_.volume), data)));
  const auto limit = static_cast<ByteCount>(unit->manifest().storage_limit_bytes);
  const ByteCount bytes = measured.all - measured.wal;
  auto& storage = unit->storage();
  storage.note_size(measured.all);
  storage.bytes = bytes;
  storage.measured = true;
  storage.full = storage_is_full(bytes, limit, storage.full);
  std::optional<ByteCount> left;
  if (limit > 0) left = storage.full ? 0 : limit - bytes;
  storage.due = Clock::now() + storage_look_after(left);
  HOWDAH_CO_CHECK(co_await bound_by_volume(unit));
  co_return co_await apply(std::move(unit), postmaster);
}

Task<void> StorageWatch::bound_by_volume(UnitPtr unit) {
  const std::int64_t limit = unit->manifest().storage_limit_bytes;
  auto& storage = unit->storage();
  if (storage.bound == limit || (limit == 0 && storage.bound < 0)) co_return Result<void>{};
  storage.bound = limit;
  const ByteCount wal = instance::wal_bytes(unit->manifest().size_class);
  const ByteCount bound =
      limit == 0 ? 0 : storage_hard_limit(static_cast<ByteCount>(limit)) + 2 * wal + kHardRoomMin;
  HOWDAH_CO_CHECK(co_await net::offload(
      environment_.pool,
      std::bind_front(&volume::Volume::limit_own_bytes, environment_.volume.get(),
                      Environment::volume_path(unit->id()) + "/data", bound)));
  co_return Result<void>{};
}

Task<void> StorageWatch::apply(UnitPtr unit, std::shared_ptr<Postmaster> postmaster) {
  auto& storage = unit->storage();
  const Manifest manifest = unit->manifest();
  const auto limit = static_cast<ByteCount>(manifest.storage_limit_bytes);
  const instance::InstancePlace place = environment_.place_of(manifest.id);
  // One that was adopted may have been told something by the agent before.
  const bool closed = storage.closed();
  const bool known = storage.told ? *storage.told == closed : limit == 0 && !closed;
  if (!known) {
    const bool news = closed || storage.told.value_or(false);
    if (closed) HOWDAH_CO_CHECK(co_await instance::let_platform_write(place));
    HOWDAH_CO_CHECK(co_await postmaster->set_read_only(manifest, closed));
    storage.told = closed;
    if (news) {
      log::info("storage", "{}: {} of {}: {}", manifest.id.str(), to_pretty(storage.bytes),
                limit == 0 ? "any" : to_pretty(limit),
                closed ? "only reads from now on" : "writes again");
    }
    if (closed) HOWDAH_CO_CHECK(co_await instance::end_growing_sessions(place));
    co_return Result<void>{};
  }
  if (!storage.full || storage.bytes < storage_hard_limit(limit)) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await instance::end_growing_sessions(place));
  co_return Result<void>{};
}

}  // namespace howdah::node
