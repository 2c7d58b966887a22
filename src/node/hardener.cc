// SPDX-License-Identifier: Apache-2.0
#include "node/hardener.h"

#include <utility>

#include "base/log.h"
#include "instance/hardening_store.h"

namespace howdah::node {
namespace {

constexpr milliseconds kHardenMax{30'000};

bool is_hardened(const InstanceUnit& unit) {
  return unit.manifest().hardening == instance::hardening_id();
}

}  // namespace

Task<void> Hardener::prepare(UnitPtr unit) {
  if (is_hardened(*unit)) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await net::with_deadline(instance::harden(environment_.place_of(unit->id())),
                                              kHardenMax, "harden an instance"));
  log::info("instance", "{}: hardened", unit->id().str());
  co_return co_await unit->update(
      [](Manifest& manifest) { manifest.hardening = instance::hardening_id(); });
}

void Hardener::note_change(const UnitPtr& unit) {
  // A spare that is not current is removed.
  if (unit->state() != InstanceState::running || unit->manifest().is_spare()) return;
  if (is_hardened(*unit) || !catching_up_.insert(unit->id()).second) return;
  background_.spawn("node", catch_up(unit));
}

asio::awaitable<void> Hardener::catch_up(UnitPtr unit) {
  const auto postmaster = unit->serving();
  // Its configuration is the earlier Howdah's too. Whether it may write, StorageWatch tells it
  // again.
  auto done = postmaster == nullptr
                  ? Result<void>{}
                  : co_await postmaster->set_read_only(unit->manifest(), unit->storage().full);
  unit->storage().told.reset();
  if (done && postmaster) done = co_await prepare(unit);
  catching_up_.erase(unit->id());
  // One that was stopped meanwhile is prepared at its next start.
  if (!done && unit->serving()) {
    log::warn("instance", "{}: not hardened: {}", unit->id().str(), done.error().to_log());
  }
}

}  // namespace howdah::node
