// SPDX-License-Identifier: Apache-2.0
#include "node/spares.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "instance/hardening_store.h"
#include "instance/template.h"

namespace howdah::node {
namespace {

// After a claim its client connects: it gets the machine for itself for this long.
constexpr milliseconds kQuiet{60};
// With claims all the time spares are made all the same.
constexpr milliseconds kQuietWaitMax{300};
constexpr milliseconds kRetryMin{1'000};
constexpr milliseconds kRetryMax{60'000};

}  // namespace

Spares::Spares(asio::any_io_executor executor, Environment& environment, Registry& registry,
               InstanceMaker& maker)
    : environment_(environment), registry_(registry), maker_(maker), changed_(std::move(executor)) {
  changed_.expires_at(Clock::time_point::max());
}

UnitPtr Spares::take(int pg_major) {
  const auto found = std::ranges::find_if(
      ready_, [pg_major](const UnitPtr& unit) { return unit->manifest().pg_major == pg_major; });
  if (found == ready_.end()) return nullptr;
  UnitPtr unit = *found;
  ready_.erase(found);
  changed_.cancel();
  return unit;
}

void Spares::note_use(int pg_major) {
  if (used_.insert(pg_major).second) changed_.cancel();
}

// A newer template or major version than when it was made: it is not what is given out any more.
bool Spares::is_current(const Manifest& manifest) const {
  return manifest.template_format == instance::kTemplateFormat &&
         manifest.hardening == instance::hardening_id() && wanted(manifest.pg_major) > 0;
}

void Spares::offer(UnitPtr unit) {
  if (unit->state() == InstanceState::running && is_current(unit->manifest())) {
    ready_.push_back(std::move(unit));
  } else {
    asleep_.push_back(std::move(unit));
  }
  changed_.cancel();
}

void Spares::note_change(const UnitPtr& unit) {
  if (unit->state() == InstanceState::running) return;
  const auto found = std::ranges::find(ready_, unit);
  if (found == ready_.end()) return;
  ready_.erase(found);
  if (!unit->retiring()) asleep_.push_back(unit);
  changed_.cancel();
}

void Spares::claim_ends() {
  --claims_;
  last_claim_ = Clock::now();
  changed_.cancel();
}

std::size_t Spares::wanted(int pg_major) const {
  const auto spares = static_cast<std::size_t>(environment_.config.spares);
  if (pg_major == environment_.pg_major_default()) return spares;
  const bool used = used_.contains(pg_major) && environment_.has_major(pg_major);
  return used ? std::min<std::size_t>(spares, 1) : 0;
}

std::size_t Spares::ready(int pg_major) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      ready_, [pg_major](const UnitPtr& unit) { return unit->manifest().pg_major == pg_major; }));
}

int Spares::missing_major() const {
  const int usual = environment_.pg_major_default();
  if (ready(usual) < wanted(usual)) return usual;
  const auto missing = std::ranges::find_if(
      used_, [this](int pg_major) { return ready(pg_major) < wanted(pg_major); });
  return missing == used_.end() ? 0 : *missing;
}

Task<void> Spares::wait_for_quiet() {
  const auto give_up = Clock::now() + kQuietWaitMax;
  while (Clock::now() < give_up) {
    const auto quiet_at = last_claim_ + kQuiet;
    if (claims_ == 0 && Clock::now() >= quiet_at) break;
    co_await net::sleep_for(milliseconds{10});
  }
  co_return Result<void>{};
}

Task<void> Spares::wake_or_remove(UnitPtr unit) {
  if (unit->retiring() || !registry_.find(unit->id())) co_return Result<void>{};
  const int major = unit->manifest().pg_major;
  if (is_current(unit->manifest()) && ready(major) < wanted(major) &&
      (co_await unit->ensure_running("spare"))) {
    ready_.push_back(std::move(unit));
    co_return Result<void>{};
  }
  co_return co_await maker_.remove(std::move(unit), true);
}

Task<void> Spares::make_one(int pg_major) {
  Manifest settings;
  settings.pg_major = pg_major;
  settings.size_class = environment_.size_class;
  HOWDAH_CO_TRY(UnitPtr unit, co_await maker_.make(std::move(settings)));
  offer(std::move(unit));
  co_return Result<void>{};
}

Task<void> Spares::run() {
  milliseconds retry = kRetryMin;
  while (true) {
    if (complete()) {
      co_await changed_.async_wait(net::kToken);
      continue;
    }
    (void)co_await wait_for_quiet();
    Result<void> done;
    if (!asleep_.empty()) {
      UnitPtr unit = std::move(asleep_.front());
      asleep_.pop_front();
      done = co_await wake_or_remove(std::move(unit));
    } else if (const int major = missing_major(); major != 0) {
      done = co_await make_one(major);
    }
    if (done) {
      retry = kRetryMin;
      continue;
    }
    // Short memory is no fault: databases in use have it.
    if (done.error().code == ErrorCode::memory_full) {
      log::info("node", "no spare instance: {}", done.error().to_log());
    } else {
      log::warn("node", "no spare instance: {}", done.error().to_log());
    }
    co_await net::sleep_for(retry);
    retry = std::min(retry * 2, kRetryMax);
  }
}

}  // namespace howdah::node
