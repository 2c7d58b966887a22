// SPDX-License-Identifier: Apache-2.0
// Keeps a volume that fills up from stopping those that are not the cause.
//
//   below refuse    new databases are refused (InstanceMaker asks), and it is said.
//   below suspend   the ballast is given back, half and then all of it, so that commits and
//                   checkpoints go on; the instance that grew most since it was last looked at is
//                   suspended. Its starts are refused for some seconds (volume_full), longer each
//                   time; then it may come back, as long as there is room, and only read.
//   above resume    everything is as before, by itself: the ballast is made again and the
//                   suspended may write.
// It looks the sooner the less is left, as if the volume filled at 512 MiB/s.
// Where the catalog lies on another file system than the databases, it has a reserve there.
// docs/adr/2026-11-21-disk-thresholds.md has the numbers. Owner: NodeService; one thread, blocking
// work on one of its own: a slow deletion must not keep it waiting.
#pragma once
#include "node/registry.h"
#include "volume/ballast.h"

namespace howdah::node {

// Free bytes of a volume; each is more than the one after it.
struct DiskThresholds {
  ByteCount refuse = 0;
  ByteCount resume = 0;
  ByteCount suspend = 0;
  ByteCount ballast = 0;  // how large it is
};
// alone: the volume's file system holds nothing else. Else the disk serves others, and what is
// kept free of a large one has a limit in bytes.
DiskThresholds disk_thresholds(ByteCount size_bytes, bool alone);

enum class DiskState { ok, low, full };
std::string_view to_string(DiskState state);
DiskState disk_state(ByteCount free_bytes, const DiskThresholds& thresholds);
// How large the ballast is to be, from now_bytes, with so much free.
ByteCount ballast_target(ByteCount now_bytes, ByteCount free_bytes,
                         const DiskThresholds& thresholds);
// Whether those that were held back may go on: what the ballast still wants is taken off.
bool may_resume(ByteCount ballast_bytes, ByteCount free_bytes, const DiskThresholds& thresholds);
milliseconds disk_look_after(ByteCount free_bytes, const DiskThresholds& thresholds);

class DiskGuard {
 public:
  DiskGuard(Environment& environment, Registry& registry, net::TaskGroup& tasks);

  // Until it is cancelled.
  Task<void> run();
  // Before each start. Errors: volume_full for one that was suspended because it grew.
  Result<void> admit(const Manifest& manifest) const;

  DiskState state() const { return state_; }
  const DiskThresholds& thresholds() const { return thresholds_; }
  ByteCount ballast_bytes() const { return ballast_bytes_; }
  std::int64_t held_back_count() const { return held_back_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Grower {
    UnitPtr unit;
    ByteCount bytes = 0;  // by which it grew
  };

  Task<void> look();
  Task<void> adjust_ballast();
  Task<void> free_deleted();
  Task<void> keep_catalog_reserve();
  void tell(DiskState state);
  void look_closely();
  Task<void> suspend_grower();
  Task<Grower> find_grower();
  Task<void> suspend(UnitPtr unit);
  void resume_all();

  Environment& environment_;
  Registry& registry_;
  net::TaskGroup& tasks_;
  asio::thread_pool pool_{1};
  asio::thread_pool slow_pool_{1};  // for commits, which no look waits for
  bool freeing_ = false;
  volume::Ballast ballast_;
  volume::Ballast catalog_reserve_;
  DiskThresholds thresholds_;
  DiskState state_ = DiskState::ok;
  os::DiskSpace room_{};
  ByteCount ballast_bytes_ = 0;
  std::int64_t held_back_ = 0;
  Clock::time_point next_suspension_{};
  Clock::time_point next_catalog_look_{};
};

}  // namespace howdah::node
