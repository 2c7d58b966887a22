// SPDX-License-Identifier: Apache-2.0
// Control groups (cgroups(7)), version 2, version 1 and machines with both: how much memory, CPU,
// disk time and how many processes a confined program may have. One GroupTree belongs to one data
// folder; below it each program has a group of its own.
//
// Version 1: below the caller's own group of each hierarchy, so limits that somebody set around the
// caller hold for all. Version 2: below the caller's own group when it was delegated (systemd's
// Delegate=yes; the caller then moves its processes into `daemons`, since a group with controllers
// may hold none), else at the top.
// Thread-safe: it keeps nothing but paths. All functions block.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "os/confinement.h"
#include "os/file.h"

namespace howdah::os {

struct GroupLimits {
  ByteCount memory_max = 0;        // 0: none
  std::int64_t cpu_weight = 100;   // 1 to 10,000, of its share where CPUs are short
  std::int64_t io_weight = 100;    // the same for disks; where the kernel's scheduler knows it
  std::int64_t processes_max = 0;  // 0: none
};

struct GroupHierarchy {
  Path folder;                           // where our tree stands or shall stand
  std::vector<std::string> controllers;  // of "memory", "cpu", "pids", "blkio" or "io"
  bool version_2 = false;
};

struct GroupPlaces {
  std::string mountinfo;   // text of /proc/self/mountinfo
  std::string own_groups;  // text of /proc/self/cgroup
};
// Where the tree `name` belongs in each hierarchy that has a controller of ours. Reads
// cgroup.controllers of a version 2 hierarchy and whether it is delegated; changes nothing.
std::vector<GroupHierarchy> find_hierarchies(const GroupPlaces& places, const std::string& name);

class GroupTree {
 public:
  // Makes the tree where it can. Never fails: missing() says what cannot be limited here.
  static GroupTree open(const std::string& name);
  explicit GroupTree(std::vector<GroupHierarchy> hierarchies)
      : hierarchies_(std::move(hierarchies)) {}

  // Of "memory", "cpu" and "pids", those that no hierarchy limits, and why not.
  const std::vector<std::string>& missing() const { return missing_; }
  const std::string& why_missing() const { return why_missing_; }
  bool usable() const { return !hierarchies_.empty(); }

  // A new, empty group with these limits, in all hierarchies; what an earlier one of the name left
  // running is killed. Fills group and group_tasks.
  Result<void> create(const std::string& name, const GroupLimits& limits,
                      Confinement& confinement) const;
  // Kills what is left in it and removes it. Fine when there is none. Errors: timeout.
  Result<void> remove(const std::string& name) const;
  std::vector<std::string> names() const;
  // The tree itself; fine when groups are left in it.
  void close() const;

 private:
  Result<void> prepare(GroupHierarchy& hierarchy);

  std::vector<GroupHierarchy> hierarchies_;
  std::vector<std::string> missing_;
  std::string why_missing_;
};

}  // namespace howdah::os
