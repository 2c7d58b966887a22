// SPDX-License-Identifier: Apache-2.0
#include "node/admission.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>
#include <vector>

#include "base/log.h"
#include "instance/size_class.h"

namespace howdah::node {
namespace {

using Clock = std::chrono::steady_clock;

// A start must not wait for more clean stops than this; the next one goes on with it.
constexpr std::size_t kStopsMax = 16;

struct Room {
  bool enough;
  os::MemoryInfo memory;
  ByteCount needed;
};

// Those nobody holds, in the order in which they are missed least.
std::vector<UnitPtr> sleepers(const Registry& registry, const InstanceId& except) {
  const auto now = Clock::now();
  std::vector<UnitPtr> found;
  for (const UnitPtr& unit : registry.active()) {
    const Manifest& manifest = unit->manifest();
    const bool never = !manifest.is_spare() && manifest.suspend_after_s == 0;
    if (unit->id() == except || never || unit->state() != InstanceState::running ||
        unit->retiring() || unit->awake_until() > now || registry.holds().held(unit->id(), now)) {
      continue;
    }
    found.push_back(unit);
  }
  std::ranges::sort(found, {}, [](const UnitPtr& unit) {
    return std::pair(!unit->manifest().is_spare(), unit->idle_since());
  });
  if (found.size() > kStopsMax) found.resize(kStopsMax);
  return found;
}

}  // namespace

Admission::Admission(Registry& registry, Memory memory)
    : registry_(registry), memory_(std::move(memory)) {}

Task<void> Admission::admit(Manifest manifest) {
  const ByteCount needed = instance::expected_memory(manifest.size_class);
  const auto look = [&]() -> Result<Room> {
    HOWDAH_TRY(const os::MemoryInfo memory, memory_());
    const ByteCount kept = os::memory_reserve(memory.total_bytes);
    return Room{memory.available_bytes >= needed + kept, memory, needed + kept};
  };
  auto room = look();
  if (!room) {
    log::warn("node", "the memory cannot be measured: {}", room.error().to_log());
    co_return Result<void>{};
  }
  if (!room->enough && !manifest.is_spare()) {
    for (const UnitPtr& unit : sleepers(registry_, manifest.id)) {
      // Held meanwhile: it stays.
      if (!(co_await unit->ensure_stopped("memory is short", false))) continue;
      room = look();
      if (!room || room->enough) break;
    }
  }
  if (!room || room->enough) co_return Result<void>{};
  co_return fail(
      ErrorCode::memory_full,
      fmt::format("this machine has {} of {} memory left, and one more {} database "
                  "needs {} free",
                  to_pretty(room->memory.available_bytes), to_pretty(room->memory.total_bytes),
                  instance::to_string(manifest.size_class), to_pretty(room->needed)),
      "try again later; end sessions that are not needed, choose a smaller size class, "
      "or give the machine more memory");
}

}  // namespace howdah::node
