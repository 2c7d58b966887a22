// SPDX-License-Identifier: Apache-2.0
// Changing the master key: POST /api/secrets/rotate-master-key makes a new key, seals every value
// of the catalog with it and retires the older ones, as a durable job: cut off anywhere, it goes
// on. GET /api/secrets tells how far it is. A daily sweep seals what was missed and removes retired
// keys that nothing needs any more (docs/adr/2026-11-21-master-key-rotation.md).
#pragma once
#include <map>

#include "control/platform.h"
#include "control/secrets/rewrap.h"

namespace howdah::control {

class KeyRotation : public Feature {
 public:
  explicit KeyRotation(Platform& platform) : platform_(platform) {}
  void add_jobs(JobEngine& jobs) override;
  void add_routes(Routes& routes) override;

  // Retired keys stay at least so long: a dump that was begun before is under its name by then.
  static constexpr std::chrono::days kKeepRetired{8};

 private:
  using Counts = std::map<std::string, std::int64_t>;

  Task<http::Response> rotate(Call call);
  Task<http::Response> answer(Job job);
  Task<http::Response> show(Call call);
  Task<JobId> enqueue(Principal caller, std::string request_id, pg::Connection& in);

  Task<void> make_key(StepRun& run);
  Task<void> record_key(StepRun& run, pg::Connection& in);
  Task<void> seal_values(StepRun& run);
  Task<void> retire(StepRun& run);
  Task<void> record_retired(StepRun& run, pg::Connection& in);
  Task<void> sweep(StepRun& run);

  // Nothing is sealed with a key but the current one when it returns; the retired keys' ids.
  // Errors: seal_broken naming values that no key opens.
  Task<std::vector<std::string>> retire_older();
  Task<void> remove_unneeded(StepRun& run);
  Task<void> record(AuditEntry entry, pg::Connection& in);

  Platform& platform_;
};

}  // namespace howdah::control
