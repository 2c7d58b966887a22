// SPDX-License-Identifier: Apache-2.0
#include "node/suspender.h"

#include <algorithm>

namespace howdah::node {
namespace {

using Clock = std::chrono::steady_clock;

// What begins to be idle between two looks has a suspend time of a second at least.
constexpr milliseconds kLookMax{1'000};
constexpr milliseconds kLookMin{20};

}  // namespace

Task<void> Suspender::run() {
  while (true) {
    registry_.expire_holds();
    const auto next = suspend_idle();
    const auto wait = std::chrono::ceil<milliseconds>(next - Clock::now());
    co_await net::sleep_for(std::clamp(wait, kLookMin, kLookMax));
  }
}

InstanceUnit::TimePoint Suspender::suspend_idle() {
  const auto now = Clock::now();
  auto next = now + kLookMax;
  // A copy: suspending changes the set.
  const std::vector<UnitPtr> active(registry_.active().begin(), registry_.active().end());
  for (const UnitPtr& unit : active) {
    const Manifest& manifest = unit->manifest();
    if (manifest.is_spare() || manifest.suspend_after_s == 0 ||
        unit->state() != InstanceState::running || registry_.holds().held(unit->id(), now)) {
      continue;
    }
    const auto due = unit->suspend_due();
    if (due <= now) {
      unit->suspend("idle");
    } else {
      next = std::min(next, due);
    }
  }
  return next;
}

}  // namespace howdah::node
