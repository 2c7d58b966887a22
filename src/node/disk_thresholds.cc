// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "node/disk_guard.h"

namespace howdah::node {
namespace {

using std::chrono::milliseconds;

// On a disk that serves others too: a part of a large one is more than databases need.
constexpr ByteCount kSharedRefuseMax = 4_GiB;
constexpr ByteCount kSharedSuspendMax = 1_GiB;
// A small volume is full within one look otherwise.
constexpr ByteCount kSuspendMin = 64_MiB;
constexpr ByteCount kGrowthPerSecond = 512_MiB;
constexpr milliseconds kLookMin{20};
constexpr milliseconds kLookMax{1'000};

}  // namespace

DiskThresholds disk_thresholds(ByteCount size_bytes, bool alone) {
  DiskThresholds found;
  found.ballast = volume::ballast_size(size_bytes);
  found.refuse = size_bytes / 100 * 15;
  found.suspend = std::max(size_bytes / 100 * 3, std::min(kSuspendMin, size_bytes / 12));
  if (!alone) {
    found.refuse = std::min(found.refuse, kSharedRefuseMax);
    found.suspend = std::min(found.suspend, kSharedSuspendMax);
  }
  found.resume = found.suspend + (found.refuse - found.suspend) / 4;
  return found;
}

std::string_view to_string(DiskState state) {
  if (state == DiskState::ok) return "ok";
  return state == DiskState::low ? "low" : "full";
}

DiskState disk_state(ByteCount free_bytes, const DiskThresholds& thresholds) {
  if (free_bytes < thresholds.suspend) return DiskState::full;
  return free_bytes < thresholds.refuse ? DiskState::low : DiskState::ok;
}

ByteCount ballast_target(ByteCount now_bytes, ByteCount free_bytes,
                         const DiskThresholds& thresholds) {
  if (free_bytes < thresholds.suspend / 2) return 0;
  if (free_bytes < thresholds.suspend) return std::min(now_bytes, thresholds.ballast / 2);
  const ByteCount missing = thresholds.ballast - std::min(thresholds.ballast, now_bytes);
  return free_bytes >= thresholds.resume + missing ? thresholds.ballast : now_bytes;
}

bool may_resume(ByteCount ballast_bytes, ByteCount free_bytes, const DiskThresholds& thresholds) {
  const ByteCount missing = thresholds.ballast - std::min(thresholds.ballast, ballast_bytes);
  return free_bytes >= thresholds.resume + missing;
}

milliseconds disk_look_after(ByteCount free_bytes, const DiskThresholds& thresholds) {
  if (free_bytes <= thresholds.suspend) return kLookMin;
  const ByteCount left = free_bytes - thresholds.suspend;
  const milliseconds soonest{static_cast<std::int64_t>(left * 1000 / kGrowthPerSecond)};
  return std::clamp(soonest, kLookMin, kLookMax);
}

}  // namespace howdah::node
