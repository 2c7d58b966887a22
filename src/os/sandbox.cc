// SPDX-License-Identifier: Apache-2.0
#include "os/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include "os/call_filter.h"
#include "os/detail/private_root.h"
#include "os/landlock.h"
#include "os/process.h"

namespace howdah::os {
namespace {

namespace fs = std::filesystem;

constexpr int kProbeLimitMs = 10'000;
constexpr ByteCount kScratchMax = 1_GiB;  // where the memory has no limit
constexpr const char* kProbeName = "probe";

// What a server reads of the system without being part of it.
constexpr std::array kSystemFolders{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"};
constexpr std::array kOtherFolders{// where another packager puts all libraries
                                   "/nix/store",
                                   // Debian's dictionaries for text search are links to here
                                   "/var/cache/postgresql"};
// The same where the host's file tree stays visible.
constexpr std::array kHostFolders{"/etc", "/opt", "/proc", "/sys/devices/system"};

bool below(const Path& path, const Path& folder) {
  const Path rest = path.lexically_relative(folder);
  return !rest.empty() && *rest.begin() != "..";
}

// Whoever made it first may write into every program's /etc.
Result<void> check_own(const Path& folder) {
  struct stat info{};
  if (::lstat(folder.c_str(), &info) != 0) return fail_errno("look at " + folder.string(), errno);
  if (S_ISDIR(info.st_mode) && info.st_uid == ::geteuid()) return {};
  return fail(ErrorCode::data_folder_unusable, folder.string() + " belongs to somebody else",
              "remove it, then start again");
}

// A server is found by its bin folder and finds its libraries and data beside it.
std::vector<Path> parts_of(const std::vector<Path>& bin_folders) {
  std::set<Path> found;
  for (const Path& bin : bin_folders) {
    for (const Path& given : {bin, bin.parent_path() / "lib", bin.parent_path() / "lib64",
                              bin.parent_path() / "share"}) {
      std::error_code error;
      const Path real = fs::canonical(given, error);
      if (error) continue;
      for (const Path& path : {real, given}) {
        if (!below(path, "/usr")) found.insert(path);
      }
    }
  }
  return {found.begin(), found.end()};
}

struct Part {
  const char* name;
  const char* meaning;
};
constexpr Part kMounts{"files", "an instance sees those files of the host that its user may read"};
constexpr Part kNetwork{"network", "an instance can open connections to other machines"};
constexpr Part kIpc{"shared memory", "instances see each other's segments"};
constexpr Part kHostName{"host name", "an instance sees the machine's"};
constexpr Part kGroups{"control groups", "one instance can take the others' memory or processors"};
constexpr Part kLandlock{"Landlock", "there is no second wall around an instance's files"};
constexpr Part kFilter{"system calls", "an instance may make every call that its user may"};

std::string line(const Part& part, const std::string& reason) {
  return fmt::format("sandbox: {}: {}; {}", part.name, reason, part.meaning);
}

}  // namespace

Result<SandboxMode> parse_sandbox_mode(std::string_view text) {
  if (text == "auto") return SandboxMode::automatic;
  if (text == "off") return SandboxMode::off;
  if (text == "required") return SandboxMode::required;
  return fail(ErrorCode::config_invalid, fmt::format("there is no sandbox mode '{}'", text),
              "use auto, off or required");
}

Sandbox::Sandbox(SandboxPlaces places, std::vector<std::string> probe)
    : places_(std::move(places)),
      probe_(std::move(probe)),
      privileged_(::geteuid() == 0),
      program_folders_(parts_of(places_.program_folders)) {}

Result<std::unique_ptr<Sandbox>> Sandbox::open(SandboxMode mode, SandboxPlaces places,
                                               std::vector<std::string> probe) {
  std::unique_ptr<Sandbox> sandbox(new Sandbox(std::move(places), std::move(probe)));
  if (mode == SandboxMode::off) {
    sandbox->degraded_.push_back("sandbox: switched off; only their users part the instances");
    return sandbox;
  }
  if (sandbox->privileged_) {
    std::vector<detail::KnownUser> users;
    for (const std::string& name : sandbox->places_.user_names) {
      const auto user = find_user(name);
      if (user) users.push_back({name, user->uid, user->gid});
    }
    HOWDAH_CHECK(make_directory(sandbox->places_.folder, 0755));
    HOWDAH_CHECK(check_own(sandbox->places_.folder));
    HOWDAH_CHECK(detail::write_etc(sandbox->places_.folder / "etc", users));
    sandbox->find_groups();
  }
  sandbox->find_parts();
  if (mode == SandboxMode::required && !sandbox->degraded_.empty()) {
    sandbox->close();
    return fail(ErrorCode::unsupported,
                fmt::format("this machine does not give the whole sandbox: {}",
                            fmt::join(sandbox->degraded_, "; ")),
                "start with --sandbox auto to go on without these parts");
  }
  return sandbox;
}

void Sandbox::find_groups() {
  groups_ = GroupTree::open(places_.name);
  parts_.groups = groups_.usable();
  if (groups_.missing().empty()) return;
  const std::string& why = groups_.why_missing();
  degraded_.push_back(
      line(kGroups, fmt::format("no limit of {}{}{}", fmt::join(groups_.missing(), ", "),
                                why.empty() ? "" : ": ", why)));
}

void Sandbox::find_parts() {
  Parts all = parts_;
  all.landlock = landlock_version() > 0;
  all.call_filter = call_filter() != nullptr;
  all.mounts = privileged_;
  if (privileged_) all.namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  if (!all.landlock) degraded_.push_back(line(kLandlock, "this kernel has none"));
  if (!all.call_filter) degraded_.push_back(line(kFilter, "no filter for this processor"));
  if (try_parts(all)) {
    parts_ = all;
    return;
  }
  const auto keep = [&](const Part& part, const Parts& alone) {
    const auto works = try_parts(alone);
    if (!works) degraded_.push_back(line(part, works.error().to_log()));
    return works.has_value();
  };
  if (all.groups && !keep(kGroups, {.groups = true})) parts_.groups = false;
  if (all.mounts) parts_.mounts = keep(kMounts, {.mounts = true});
  if (privileged_) {
    for (const auto& [part, flag] :
         {std::pair{kNetwork, CLONE_NEWNET}, std::pair{kIpc, CLONE_NEWIPC},
          std::pair{kHostName, CLONE_NEWUTS}}) {
      if (keep(part, {.namespaces = flag})) parts_.namespaces |= flag;
    }
  }
  if (all.landlock) parts_.landlock = keep(kLandlock, {.mounts = parts_.mounts, .landlock = true});
  if (all.call_filter) parts_.call_filter = keep(kFilter, {.call_filter = true});
}

Result<void> Sandbox::try_parts(const Parts& parts) const {
  ConfineRequest request;
  request.name = kProbeName;
  HOWDAH_TRY(const Confinement confinement, confine(request, parts));
  SpawnOptions options;
  options.arguments = probe_;
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  options.confinement = &confinement;
  const auto output = run(std::move(options), kProbeLimitMs);
  if (parts.groups) HOWDAH_CHECK(groups_.remove(kProbeName));
  HOWDAH_CHECK(output);
  if (output->exit_code == 0) return {};
  return fail(ErrorCode::unsupported, fmt::format("{} does not work behind it", probe_.front()), {},
              output->text);
}

Result<Confinement> Sandbox::confine(const ConfineRequest& request) const {
  return confine(request, parts_);
}

Result<Confinement> Sandbox::confine(const ConfineRequest& request, const Parts& parts) const {
  Confinement confinement;
  confinement.namespaces = parts.namespaces;
  confinement.drop_capabilities = privileged_;
  if (parts.call_filter) confinement.call_filter = call_filter();
  if (parts.groups) HOWDAH_CHECK(groups_.create(request.name, request.limits, confinement));
  if (parts.mounts) {
    detail::RootPlan plan;
    plan.etc = places_.folder / "etc";
    plan.read_only = program_folders_;
    plan.read_only.insert(plan.read_only.end(), kOtherFolders.begin(), kOtherFolders.end());
    plan.own_read = request.read_only;
    plan.own_write = request.writable;
    plan.scratch_max = request.limits.memory_max > 0 ? request.limits.memory_max : kScratchMax;
    confinement.attach_point = places_.folder.string();
    HOWDAH_CHECK(detail::build_root(plan, confinement));
  }
  if (parts.landlock) HOWDAH_CHECK(allow_files(request, confinement));
  return confinement;
}

Result<void> Sandbox::allow_files(const ConfineRequest& request, Confinement& confinement) const {
  std::vector<FileRule> rules;
  const auto allow = [&rules](int folder, std::string path, FileUse use) {
    rules.push_back({folder, std::move(path), use});
  };
  for (const char* folder : kSystemFolders) allow(AT_FDCWD, folder, FileUse::read);
  for (const char* folder : kOtherFolders) allow(AT_FDCWD, folder, FileUse::read);
  for (const Path& folder : program_folders_) allow(AT_FDCWD, folder, FileUse::read);
  for (const char* device : {"null", "zero", "full", "random", "urandom"}) {
    allow(AT_FDCWD, fmt::format("/dev/{}", device), FileUse::device);
  }
  if (confinement.root) {
    const int root = confinement.root.get();
    allow(AT_FDCWD, places_.folder / "etc", FileUse::read);
    allow(root, "tmp", FileUse::write);
    allow(root, "dev/shm", FileUse::write);
    for (const Placement& one : confinement.placements) {
      if (one.path == "proc") allow(one.mount.get(), ".", FileUse::read);
    }
  } else {
    for (const char* folder : kHostFolders) allow(AT_FDCWD, folder, FileUse::read);
    allow(AT_FDCWD, "/dev/shm", FileUse::write);
  }
  for (const Path& folder : request.read_only) allow(AT_FDCWD, folder, FileUse::read);
  for (const Path& folder : request.writable) allow(AT_FDCWD, folder, FileUse::write);
  HOWDAH_TRY(confinement.ruleset, make_ruleset(rules));
  return {};
}

Result<void> Sandbox::release(const std::string& name) const {
  return parts_.groups ? groups_.remove(name) : Result<void>{};
}

void Sandbox::release_others(const std::vector<std::string>& kept) const {
  if (!parts_.groups) return;
  for (const std::string& name : groups_.names()) {
    if (std::ranges::find(kept, name) == kept.end()) (void)groups_.remove(name);
  }
}

void Sandbox::close() const {
  groups_.close();
}

}  // namespace howdah::os
