// SPDX-License-Identifier: Apache-2.0
#include "os/control_groups.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>
#include <ranges>
#include <sstream>
#include <thread>

#include "os/mount.h"
#include "os/process.h"

namespace howdah::os {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kRemoveLimit{5'000};
constexpr std::chrono::milliseconds kRemovePause{1};
constexpr std::array<std::string_view, 4> kVersion1{"memory", "cpu", "pids", "blkio"};
constexpr std::array<std::string_view, 4> kVersion2{"memory", "cpu", "pids", "io"};
constexpr const char* kDaemons = "daemons";

std::vector<std::string> words(std::string_view text, std::string_view separators) {
  std::vector<std::string> found;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(separators), text.size());
    if (end > 0) found.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return found;
}

// Files of control groups have no size and take one write.
Result<void> write_file(const Path& path, const std::string& text) {
  HOWDAH_TRY(const UniqueFd file, open_file(path, O_WRONLY));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return fail_errno(fmt::format("write {} to {}", text, path.string()), errno);
  }
  return {};
}

// "4:memory:/a/b" of version 1, "0::/a/b" of version 2. Empty: the caller is in no such hierarchy.
std::optional<Path> own_path(std::string_view own_groups, std::string_view controller) {
  for (const std::string& line : words(own_groups, "\n")) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const auto names = words(line.substr(first + 1, second - first - 1), ",");
    const bool ours = controller.empty() ? names.empty() && line.starts_with("0:")
                                         : std::ranges::find(names, controller) != names.end();
    if (ours) return Path(line.substr(second + 1));
  }
  return std::nullopt;
}

// Where the caller's own group is seen: a container shows its part of the hierarchy only.
Path visible(const MountEntry& mount, const Path& own) {
  const Path inside = own.lexically_relative(mount.root);
  if (inside.empty() || *inside.begin() == "..") return mount.mount_point;
  return inside == "." ? mount.mount_point : mount.mount_point / inside;
}

bool delegated(const Path& group) {
  char value = 0;
  return (::getxattr(group.c_str(), "trusted.delegate", &value, 1) == 1 && value == '1') ||
         (::getxattr(group.c_str(), "user.delegate", &value, 1) == 1 && value == '1');
}

// Above the tree of version 2.
Path version_2_parent(const MountEntry& mount, const Path& own_group) {
  if (own_group.filename() == kDaemons && delegated(own_group.parent_path())) {
    return own_group.parent_path();
  }
  return delegated(own_group) ? own_group : mount.mount_point;
}

std::vector<pid_t> processes_in(const Path& group) {
  std::vector<pid_t> pids;
  for (const std::string& word : words(read_file(group / "cgroup.procs").value_or(""), "\n")) {
    pid_t pid = 0;
    (void)std::from_chars(word.data(), word.data() + word.size(), pid);
    if (pid > 0) pids.push_back(pid);
  }
  return pids;
}

// A pidfd first and the list again after it, so that the pid cannot have changed hands.
void kill_all_in(const Path& group) {
  std::vector<Process> processes;
  for (const pid_t pid : processes_in(group)) {
    if (auto process = Process::adopt(pid)) processes.push_back(*std::move(process));
  }
  const std::vector<pid_t> still = processes_in(group);
  for (const Process& process : processes) {
    if (std::ranges::find(still, process.pid()) != still.end()) (void)process.signal(SIGKILL);
  }
}

Result<void> remove_group(const Path& group) {
  const auto give_up = std::chrono::steady_clock::now() + kRemoveLimit;
  while (true) {
    if (::rmdir(group.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) return fail_errno("remove " + group.string(), errno);
    if (std::chrono::steady_clock::now() > give_up) {
      return fail(ErrorCode::timeout, "processes of a control group do not end", {},
                  group.string());
    }
    kill_all_in(group);
    std::this_thread::sleep_for(kRemovePause);
  }
}

bool has(const GroupHierarchy& hierarchy, std::string_view controller) {
  return std::ranges::find(hierarchy.controllers, controller) != hierarchy.controllers.end();
}

// Weights of version 2 are 100 by default, shares of version 1 are 1024, its disk weights 500.
std::int64_t scaled(std::int64_t weight, std::int64_t normal, std::int64_t max) {
  return std::clamp(weight * normal / 100, std::int64_t{10}, max);
}

Result<void> set_limits(const GroupHierarchy& hierarchy, const Path& group,
                        const GroupLimits& limits) {
  const bool two = hierarchy.version_2;
  if (has(hierarchy, "memory") && limits.memory_max > 0) {
    HOWDAH_CHECK(write_file(group / (two ? "memory.max" : "memory.limit_in_bytes"),
                            fmt::format("{}", limits.memory_max)));
  }
  if (has(hierarchy, "cpu")) {
    HOWDAH_CHECK(write_file(
        group / (two ? "cpu.weight" : "cpu.shares"),
        fmt::format("{}", two ? limits.cpu_weight : scaled(limits.cpu_weight, 1024, 262'144))));
  }
  if (has(hierarchy, "pids") && limits.processes_max > 0) {
    HOWDAH_CHECK(write_file(group / "pids.max", fmt::format("{}", limits.processes_max)));
  }
  // Only some disk schedulers know weights, so no error of these is one.
  if (has(hierarchy, "io")) {
    (void)write_file(group / "io.weight", fmt::format("{}", limits.io_weight));
  }
  if (has(hierarchy, "blkio")) {
    for (const char* file : {"blkio.bfq.weight", "blkio.weight"}) {
      (void)write_file(group / file, fmt::format("{}", scaled(limits.io_weight, 100, 1'000)));
    }
  }
  return {};
}

// All of a delegated group's own processes: it may not have any beside its controllers.
void move_daemons(const Path& parent) {
  if (::mkdir((parent / kDaemons).c_str(), 0755) != 0 && errno != EEXIST) return;
  for (const pid_t pid : processes_in(parent)) {
    (void)write_file(parent / kDaemons / "cgroup.procs", fmt::format("{}", pid));
  }
}

}  // namespace

std::vector<GroupHierarchy> find_hierarchies(const GroupPlaces& places, const std::string& name) {
  std::vector<GroupHierarchy> found;
  for (const MountEntry& mount : parse_mountinfo(places.mountinfo)) {
    const bool two = mount.type == "cgroup2";
    if (!two && mount.type != "cgroup") continue;
    GroupHierarchy hierarchy;
    hierarchy.version_2 = two;
    const auto offered =
        two ? words(read_file(mount.mount_point / "cgroup.controllers").value_or(""), " \n")
            : words(mount.options, ",");
    for (const std::string_view one : two ? kVersion2 : kVersion1) {
      const bool known =
          std::ranges::any_of(found, [&](const GroupHierarchy& other) { return has(other, one); });
      const bool here = std::ranges::find(offered, one) != offered.end();
      if (here && !known) hierarchy.controllers.emplace_back(one);
    }
    const auto own =
        own_path(places.own_groups, two ? std::string_view()
                                    : hierarchy.controllers.empty()
                                        ? std::string_view("?")
                                        : std::string_view(hierarchy.controllers.front()));
    if (hierarchy.controllers.empty() || !own) continue;
    const Path own_group = visible(mount, *own);
    hierarchy.folder = (two ? version_2_parent(mount, own_group) : own_group) / name;
    found.push_back(std::move(hierarchy));
  }
  return found;
}

Result<void> GroupTree::prepare(GroupHierarchy& hierarchy) {
  const Path& folder = hierarchy.folder;
  if (hierarchy.version_2) {
    const Path parent = folder.parent_path();
    if (delegated(parent)) move_daemons(parent);
    for (const std::string& one : hierarchy.controllers) {
      (void)write_file(parent / "cgroup.subtree_control", "+" + one);
    }
  }
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail_errno("make the control group " + folder.string(), errno);
  }
  if (!hierarchy.version_2) return {};
  const auto given = words(read_file(folder / "cgroup.controllers").value_or(""), " \n");
  std::erase_if(hierarchy.controllers, [&](const std::string& one) {
    return std::ranges::find(given, one) == given.end() ||
           !write_file(folder / "cgroup.subtree_control", "+" + one);
  });
  return {};
}

GroupTree GroupTree::open(const std::string& name) {
  GroupTree tree(find_hierarchies(
      {read_file("/proc/self/mountinfo").value_or(""), read_file("/proc/self/cgroup").value_or("")},
      name));
  std::erase_if(tree.hierarchies_, [&tree](GroupHierarchy& one) {
    const auto prepared = tree.prepare(one);
    if (!prepared) tree.why_missing_ = prepared.error().to_log();
    return !prepared || one.controllers.empty();
  });
  for (const char* controller : {"memory", "cpu", "pids"}) {
    const bool there = std::ranges::any_of(
        tree.hierarchies_, [&](const GroupHierarchy& one) { return has(one, controller); });
    if (!there) tree.missing_.emplace_back(controller);
  }
  return tree;
}

Result<void> GroupTree::create(const std::string& name, const GroupLimits& limits,
                               Confinement& confinement) const {
  HOWDAH_CHECK(remove(name));
  for (const GroupHierarchy& hierarchy : hierarchies_) {
    const Path group = hierarchy.folder / name;
    int made = ::mkdir(group.c_str(), 0755);
    // Somebody tidied the empty tree away.
    if (made != 0 && errno == ENOENT) {
      GroupHierarchy again = hierarchy;
      HOWDAH_CHECK(GroupTree({}).prepare(again));
      made = ::mkdir(group.c_str(), 0755);
    }
    if (made != 0) return fail_errno("make the control group " + group.string(), errno);
    HOWDAH_CHECK(set_limits(hierarchy, group, limits));
    if (hierarchy.version_2) {
      HOWDAH_TRY(confinement.group, open_file(group, O_RDONLY | O_DIRECTORY));
    } else {
      HOWDAH_TRY(UniqueFd tasks, open_file(group / "tasks", O_WRONLY));
      confinement.group_tasks.push_back(std::move(tasks));
    }
  }
  return {};
}

Result<void> GroupTree::remove(const std::string& name) const {
  for (const GroupHierarchy& hierarchy : hierarchies_) {
    HOWDAH_CHECK(remove_group(hierarchy.folder / name));
  }
  return {};
}

std::vector<std::string> GroupTree::names() const {
  std::vector<std::string> names;
  for (const GroupHierarchy& hierarchy : hierarchies_) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(hierarchy.folder, ignored)) {
      if (!entry.is_directory(ignored)) continue;
      const std::string name = entry.path().filename();
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

void GroupTree::close() const {
  for (const GroupHierarchy& hierarchy : hierarchies_) (void)::rmdir(hierarchy.folder.c_str());
}

}  // namespace howdah::os
