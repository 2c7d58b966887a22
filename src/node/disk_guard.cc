// SPDX-License-Identifier: Apache-2.0
#include "node/disk_guard.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace howdah::node {
namespace {

using std::chrono::steady_clock;

// One that came as far as this has grown for a reason; less is noise.
constexpr ByteCount kGrowthMin = 1_MiB;
// What was suspended last has this long to show an effect.
constexpr milliseconds kBetweenSuspensions{250};
// Its clients try again at once; meanwhile what it has written comes to rest.
constexpr milliseconds kRefusedFor{5'000};
// Measuring one takes milliseconds, and what fills a volume is among the first.
constexpr std::size_t kMeasuredMax = 64;
constexpr milliseconds kSampleAgeMax{1'000};
constexpr milliseconds kCatalogEvery{1'000};
constexpr ByteCount kCatalogReserve = 64_MiB;
constexpr ByteCount kCatalogReserveAbove = 1_GiB;

bool on_one_file_system(const os::Path& one, const os::Path& other) {
  struct stat first{}, second{};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev;
}

ByteCount reserve_target(ByteCount now, ByteCount free) {
  if (free < kCatalogReserve) return 0;
  return free + now >= kCatalogReserveAbove ? kCatalogReserve : now;
}

}  // namespace

DiskGuard::DiskGuard(Environment& environment, Registry& registry, net::TaskGroup& tasks)
    : environment_(environment),
      registry_(registry),
      tasks_(tasks),
      ballast_(environment.volume->root() / ".howdah-ballast"),
      catalog_reserve_(environment.folder.data_dir / "node" / "reserve") {}

Task<void> DiskGuard::run() {
  while (true) {
    const auto looked = co_await look();
    if (!looked && looked.error().code == ErrorCode::cancelled) co_return looked;
    if (!looked) log::warn("disk", "{}", looked.error().to_log());
    co_await net::sleep_for(looked ? disk_look_after(room_.free_bytes, thresholds_)
                                   : milliseconds{1'000});
  }
}

Task<void> DiskGuard::look() {
  HOWDAH_CO_TRY(room_, co_await net::offload(pool_, std::bind_front(&volume::Volume::room,
                                                                    environment_.volume.get())));
  thresholds_ = disk_thresholds(room_.size_bytes, environment_.volume->alone());
  ballast_bytes_ = ballast_.size();
  tell(disk_state(room_.free_bytes, thresholds_));
  HOWDAH_CO_CHECK(co_await adjust_ballast());
  if (state_ == DiskState::full) HOWDAH_CO_CHECK(co_await suspend_grower());
  if (state_ != DiskState::ok) look_closely();
  if (held_back_ > 0 && may_resume(ballast_bytes_, room_.free_bytes, thresholds_)) resume_all();
  co_return co_await keep_catalog_reserve();
}

void DiskGuard::tell(DiskState state) {
  if (std::exchange(state_, state) == state) return;
  const std::string figures =
      fmt::format("{} of {} are free", to_pretty(room_.free_bytes), to_pretty(room_.size_bytes));
  switch (state) {
    case DiskState::ok:
      log::info("disk", "{} of the volume: there is room again", figures);
      break;
    case DiskState::low:
      log::warn("disk", "{} of the volume: new databases are refused below {}", figures,
                to_pretty(thresholds_.refuse));
      break;
    case DiskState::full:
      log::warn("disk", "{} of the volume: what grows is suspended below {}", figures,
                to_pretty(thresholds_.suspend));
      break;
  }
}

Task<void> DiskGuard::adjust_ballast() {
  const ByteCount wanted = ballast_target(ballast_bytes_, room_.free_bytes, thresholds_);
  if (wanted == ballast_bytes_) co_return Result<void>{};
  const auto resized =
      co_await net::offload(pool_, std::bind_front(&volume::Ballast::resize, &ballast_, wanted));
  const ByteCount before = std::exchange(ballast_bytes_, ballast_.size());
  // It could not all be had: then what there is has to do, and the next look tries again.
  if (!resized && wanted > before) co_return Result<void>{};
  HOWDAH_CO_CHECK(resized);
  log::info("disk", "the ballast has {} now, it had {}", to_pretty(ballast_bytes_),
            to_pretty(before));
  co_return Result<void>{};
}

Task<void> DiskGuard::keep_catalog_reserve() {
  if (Clock::now() < next_catalog_look_) co_return Result<void>{};
  next_catalog_look_ = Clock::now() + kCatalogEvery;
  const os::Path& folder = environment_.folder.data_dir;
  // There the ballast is the catalog's reserve as well.
  if (on_one_file_system(folder, environment_.volume->root())) co_return Result<void>{};
  HOWDAH_CO_TRY(const os::DiskSpace host,
                co_await net::offload(pool_, std::bind_front(&os::disk_space, folder)));
  const ByteCount now = catalog_reserve_.size();
  const ByteCount wanted = reserve_target(now, host.free_bytes);
  if (wanted == now) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await net::offload(
      pool_, std::bind_front(&volume::Ballast::resize, &catalog_reserve_, wanted)));
  if (wanted == 0) {
    log::warn("disk", "{} are free on the disk of {}: the catalog's reserve of {} was given back",
              to_pretty(host.free_bytes), folder.string(), to_pretty(now));
  }
  co_return Result<void>{};
}

// Who grows now must be known before it is too late.
void DiskGuard::look_closely() {
  const auto soon = Clock::now() + kSampleAgeMax;
  for (const UnitPtr& unit : registry_.active()) {
    unit->storage().due = std::min(unit->storage().due, soon);
  }
}

Task<DiskGuard::Grower> DiskGuard::find_grower() {
  std::vector<UnitPtr> candidates;
  for (const UnitPtr& unit : registry_.active()) {
    if (unit->serving() && !unit->manifest().is_spare()) candidates.push_back(unit);
  }
  const auto growth = [](const UnitPtr& unit) { return unit->storage().growth(); };
  std::ranges::sort(candidates, std::greater<>(), growth);
  if (candidates.size() > kMeasuredMax) candidates.resize(kMeasuredMax);
  Grower grower;
  for (const UnitPtr& unit : candidates) {
    const std::string data = Environment::volume_path(unit->id()) + "/data";
    const auto bytes = co_await net::offload(
        pool_, std::bind_front(&volume::Volume::allocated, environment_.volume.get(), data));
    if (!bytes || !unit->serving()) continue;
    unit->storage().note_size(*bytes);
    if (unit->storage().growth() > grower.bytes) grower = {unit, unit->storage().growth()};
  }
  co_return grower;
}

Task<void> DiskGuard::suspend_grower() {
  if (Clock::now() < next_suspension_) co_return Result<void>{};
  HOWDAH_CO_TRY(const Grower grower, co_await find_grower());
  if (!grower.unit || grower.bytes < kGrowthMin) co_return Result<void>{};
  next_suspension_ = Clock::now() + kBetweenSuspensions;
  auto& storage = grower.unit->storage();
  if (storage.held_back == 0) ++held_back_;
  ++storage.held_back;
  registry_.note_inventory_change();
  storage.refused_until = Clock::now() + kRefusedFor;
  log::warn("disk", "{} (token {}): suspended: it grew by {}, and {} of the volume are left",
            grower.unit->id().str(), grower.unit->manifest().token, to_pretty(grower.bytes),
            to_pretty(room_.free_bytes));
  // What others grew until now was beside it, and is not held against them later.
  for (const UnitPtr& unit : registry_.active()) unit->storage().forget_growth();
  tasks_.spawn("disk", suspend(grower.unit));
  co_return Result<void>{};
}

Task<void> DiskGuard::suspend(UnitPtr unit) {
  co_return co_await unit->ensure_stopped("suspended: the volume is full and it grew most", true);
}

void DiskGuard::resume_all() {
  for (const UnitPtr& unit : registry_.all()) {
    if (unit->storage().held_back == 0) continue;
    unit->storage().held_back = 0;
    unit->storage().due = {};
    registry_.note_inventory_change();
    log::info("disk", "{} (token {}): there is room again, it may write", unit->id().str(),
              unit->manifest().token);
  }
  held_back_ = 0;
}

Result<void> DiskGuard::admit(const Manifest& manifest) const {
  const UnitPtr unit = registry_.find(manifest.id);
  if (!unit || unit->storage().held_back == 0) return {};
  const bool again = unit->storage().held_back > 1;
  const bool room = state_ != DiskState::full && !again;
  if (room && Clock::now() >= unit->storage().refused_until) return {};
  return fail(ErrorCode::volume_full,
              "the disk is full, and this database is suspended because it grew most",
              "it goes on by itself when there is room: delete what is not needed, or let the "
              "volume grow (howdah volume grow)");
}

}  // namespace howdah::node
