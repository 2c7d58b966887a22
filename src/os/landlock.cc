// SPDX-License-Identifier: Apache-2.0
#include "os/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace howdah::os {
namespace {

// Debian 12's headers know version 2 only, so the interface stands here (linux/landlock.h).
constexpr long kCreateRuleset = 444, kAddRule = 445;
constexpr int kVersionFlag = 1, kPathBeneath = 1;

struct RulesetAttr {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};
struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed;
  std::int32_t parent_fd;
};

enum : std::uint64_t {
  kExecute = 1 << 0,
  kWriteFile = 1 << 1,
  kReadFile = 1 << 2,
  kReadFolder = 1 << 3,
  kRemoveFolder = 1 << 4,
  kRemoveFile = 1 << 5,
  kMakeCharDevice = 1 << 6,
  kMakeFolder = 1 << 7,
  kMakeFile = 1 << 8,
  kMakeSocket = 1 << 9,
  kMakeFifo = 1 << 10,
  kMakeBlockDevice = 1 << 11,
  kMakeLink = 1 << 12,
  kRefer = 1 << 13,
  kTruncate = 1 << 14,
  kDeviceIoctl = 1 << 15,
};
constexpr std::uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kDeviceIoctl;
constexpr std::uint64_t kTcp = 3;     // bind, connect
constexpr std::uint64_t kScopes = 3;  // abstract sockets, signals

std::uint64_t known_by(int version) {
  std::uint64_t known = kRefer - 1;
  if (version >= 2) known |= kRefer;
  if (version >= 3) known |= kTruncate;
  if (version >= 5) known |= kDeviceIoctl;
  return known;
}

std::uint64_t rights_of(FileUse use) {
  switch (use) {
    case FileUse::read:
      return kExecute | kReadFile | kReadFolder;
    case FileUse::device:
      return kReadFile | kWriteFile;
    case FileUse::write:
      break;
  }
  return kWriteFile | kReadFile | kReadFolder | kRemoveFolder | kRemoveFile | kMakeFolder |
         kMakeFile | kMakeSocket | kMakeFifo | kMakeLink | kRefer | kTruncate;
}

Result<void> add_rule(int ruleset, const FileRule& rule, std::uint64_t known) {
  const UniqueFd place(::openat(rule.folder_fd, rule.path.c_str(), O_PATH | O_CLOEXEC));
  if (!place && errno == ENOENT) return {};
  struct stat info{};
  if (!place || ::fstat(place.get(), &info) != 0) return fail_errno("look at " + rule.path, errno);
  std::uint64_t rights = rights_of(rule.use) & known;
  if (!S_ISDIR(info.st_mode)) rights &= kOfFiles;
  const PathBeneathAttr attr{rights, place.get()};
  if (::syscall(kAddRule, ruleset, kPathBeneath, &attr, 0) != 0) {
    return fail_errno("allow " + rule.path + " by Landlock", errno);
  }
  return {};
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kVersionFlag);
  return version < 0 ? 0 : static_cast<int>(version);
}

Result<UniqueFd> make_ruleset(const std::vector<FileRule>& rules) {
  const int version = landlock_version();
  if (version == 0) return fail(ErrorCode::unsupported, "this kernel has no Landlock");
  RulesetAttr attr{known_by(version), version >= 4 ? kTcp : 0, version >= 6 ? kScopes : 0};
  // An older kernel takes the longer structure as long as what it does not know is zero.
  UniqueFd ruleset(static_cast<int>(::syscall(kCreateRuleset, &attr, sizeof attr, 0)));
  if (!ruleset) return fail_errno("make a Landlock ruleset", errno);
  for (const FileRule& rule : rules) HOWDAH_CHECK(add_rule(ruleset.get(), rule, attr.files));
  return ruleset;
}

}  // namespace howdah::os
