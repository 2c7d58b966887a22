// SPDX-License-Identifier: Apache-2.0
// Compares what should exist (catalog) with what does (node), and repairs or reports:
//   - an instance claimed for a create that was given up: removed;
//   - a claimed instance of which the catalog has no trace: stopped and reported, never deleted,
//     because an older catalog may have been put back;
//   - a database in status creating that no job will finish: taken back;
//   - an instance of a deleted database that runs: stopped;
//   - an instance whose settings are not what the catalog wants, or that runs although it is
//     paused: brought in line;
//   - an active branch without an instance: reported;
//   - an instance that was held back when the volume was full, or goes on: audited;
//   - a deleted database whose purge date has come: purged.
// Every 10 s it asks both whether anything changed, which costs the same however many databases
// sleep; it compares while something did, and once an hour.
// Owner: DatabasesFeature; on the loop's thread.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/databases/delete_job.h"
#include "control/databases/reconciler_store.h"
#include "control/platform.h"

namespace howdah::control {

class Reconciler {
 public:
  static constexpr milliseconds kPeriod{10'000};
  // Younger differences are work in progress. Two looks after it, nothing half-made is left.
  static constexpr std::chrono::seconds kGrace{15};
  // After the last change that was seen: longer than a transaction that was under way takes.
  static constexpr std::chrono::seconds kSettling{60};
  static constexpr std::chrono::seconds kCompareAnyway{3'600};
  // How often the clock of elapsed time is put on while a deleted database waits for its purge.
  static constexpr std::chrono::seconds kTickPeriod{60};

  Reconciler(Platform& platform, DeleteJob& deleting) : platform_(platform), deleting_(deleting) {}

  // Until cancelled.
  asio::awaitable<void> run();
  // A comparison where it may find something, and what is due.
  Task<void> look_if_changed(std::chrono::seconds settling = kSettling);
  // One comparison. grace: shorter in tests. Errors: of the node or the catalog; the next look
  // tries again.
  Task<void> look(std::chrono::seconds grace = kGrace);

  std::int64_t comparisons() const { return comparisons_; }
  std::size_t orphans() const { return reported_orphans_.size(); }

 private:
  Task<void> compare_claims(std::vector<nodeapi::Instance> instances, std::chrono::seconds grace);
  Task<void> report_missing(std::vector<nodeapi::Instance> instances);
  Task<void> settle(nodeapi::Instance instance, reconciler_store::Claim claim);
  Task<void> align(std::vector<nodeapi::Instance> instances);
  Task<void> take_back(std::vector<nodeapi::Instance> instances, std::chrono::seconds grace);
  Task<void> record_held_back(std::vector<nodeapi::Instance> instances);
  Task<bool> record(nodeapi::Instance instance, pg::Connection& connection);
  Task<void> purge_due();
  Task<bool> forget(DatabaseId id, pg::Connection& connection);

  struct Versions {
    std::string node;
    std::int64_t catalog = 0;
    bool operator==(const Versions&) const = default;
  };

  Platform& platform_;
  DeleteJob& deleting_;
  std::optional<Versions> seen_;
  std::chrono::steady_clock::time_point changed_at_{};
  std::chrono::steady_clock::time_point compared_at_{};
  std::int64_t comparisons_ = 0;
  std::map<std::string, std::chrono::steady_clock::time_point> first_seen_;  // by unknown token
  std::chrono::steady_clock::time_point next_tick_{};
  std::set<InstanceId> reported_orphans_;
  std::set<InstanceId> reported_missing_;
  std::set<InstanceId> held_back_;  // of which the audit log says so
};

}  // namespace howdah::control
