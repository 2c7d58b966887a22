// SPDX-License-Identifier: Apache-2.0
#include "os/detail/private_root.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace howdah::os::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPlain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
constexpr std::uint64_t kReadOnly = kPlain | MOUNT_ATTR_RDONLY;
constexpr std::uint64_t kOwnData = kPlain | MOUNT_ATTR_NOEXEC;
constexpr std::uint64_t kDevice = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
constexpr int kInodesMax = 16'384;

// On merged systems these are links into /usr.
constexpr std::array kRootFolders{"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
constexpr std::array kDevices{"null", "zero", "full", "random", "urandom"};

using Parameters = std::vector<std::pair<std::string, std::string>>;

Result<UniqueFd> new_file_system(const char* type, const Parameters& parameters,
                                 std::uint64_t flags) {
  const std::string what = fmt::format("make a {}", type);
  const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context) return fail_errno(what, errno);
  for (const auto& [key, value] : parameters) {
    if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key.c_str(), value.c_str(),
                  0) != 0) {
      return fail_errno(fmt::format("{} with {}={}", what, key, value), errno);
    }
  }
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail_errno(what, errno);
  }
  UniqueFd mount(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, flags)));
  if (!mount) return fail_errno(what, errno);
  return mount;
}

// A copy of the mount of a folder or file, with flags of its own.
Result<UniqueFd> copy_mount(const Path& source, std::uint64_t flags) {
  UniqueFd mount(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, source.c_str(),
                OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW)));
  if (!mount) return fail_errno("show " + source.string(), errno);
  mount_attr attributes{};
  attributes.attr_set = flags;
  constexpr std::uint64_t kMountPrivate = 1 << 18;
  attributes.propagation = kMountPrivate;
  if (::syscall(SYS_mount_setattr, mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                sizeof attributes) != 0) {
    return fail_errno("restrict the mount of " + source.string(), errno);
  }
  return mount;
}

std::string inside(const Path& path) {
  return path.relative_path().string();
}

// The tree's own entries; everything here belongs to root.
class Skeleton {
 public:
  explicit Skeleton(int root) : root_(root) {}

  Result<void> folder(const std::string& path, mode_t mode = 0755) const {
    Path part;
    for (const Path& name : Path(path)) {
      part /= name;
      if (::mkdirat(root_, part.c_str(), 0755) != 0 && errno != EEXIST) {
        return fail_errno("make /" + part.string(), errno);
      }
    }
    if (mode != 0755 && ::fchmodat(root_, path.c_str(), mode, 0) != 0) {
      return fail_errno("set the mode of /" + path, errno);
    }
    return {};
  }
  Result<void> file(const std::string& path) const {
    const UniqueFd made(::openat(root_, path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    if (!made) return fail_errno("make /" + path, errno);
    return {};
  }
  Result<void> link(const std::string& target, const std::string& path) const {
    if (::symlinkat(target.c_str(), root_, path.c_str()) == 0) return {};
    return fail_errno("make /" + path, errno);
  }

 private:
  int root_;
};

Result<void> place(Confinement& confinement, const Path& source, const std::string& path,
                   std::uint64_t flags) {
  HOWDAH_TRY(UniqueFd mount, copy_mount(source, flags));
  confinement.placements.push_back({std::move(mount), path});
  return {};
}

Result<void> place_folder(Confinement& confinement, const Path& source, std::uint64_t flags) {
  HOWDAH_CHECK(Skeleton(confinement.root.get()).folder(inside(source)));
  return place(confinement, source, inside(source), flags);
}

Result<void> add_system(const RootPlan& plan, Confinement& confinement) {
  const Skeleton skeleton(confinement.root.get());
  for (const char* name : kRootFolders) {
    std::error_code error;
    const Path path = Path("/") / name;
    if (fs::is_symlink(path, error)) {
      HOWDAH_CHECK(skeleton.link(fs::read_symlink(path, error), name));
    } else if (fs::is_directory(path, error)) {
      HOWDAH_CHECK(place_folder(confinement, path, kReadOnly));
    }
  }
  HOWDAH_CHECK(place_folder(confinement, "/usr", kReadOnly));
  HOWDAH_CHECK(skeleton.folder("etc"));
  HOWDAH_CHECK(place(confinement, plan.etc, "etc", kReadOnly));
  for (const Path& path : plan.read_only) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      HOWDAH_CHECK(place_folder(confinement, path, kReadOnly));
    }
  }
  return {};
}

Result<void> add_devices(Confinement& confinement) {
  const Skeleton skeleton(confinement.root.get());
  HOWDAH_CHECK(skeleton.folder("dev/shm", 01777));
  for (const char* name : kDevices) {
    const std::string path = fmt::format("dev/{}", name);
    HOWDAH_CHECK(skeleton.file(path));
    HOWDAH_CHECK(place(confinement, "/" + path, path, kDevice));
  }
  HOWDAH_CHECK(skeleton.link("/proc/self/fd", "dev/fd"));
  for (int fd = 0; fd < 3; ++fd) {
    constexpr std::array kNames{"dev/stdin", "dev/stdout", "dev/stderr"};
    HOWDAH_CHECK(
        skeleton.link(fmt::format("/proc/self/fd/{}", fd), kNames[static_cast<std::size_t>(fd)]));
  }
  return {};
}

// Only the program's own processes, and nothing of the kernel. A container may not have a /proc of
// its own kind; PostgreSQL works without.
Result<void> add_processes(Confinement& confinement) {
  HOWDAH_CHECK(Skeleton(confinement.root.get()).folder("proc"));
  auto mount = new_file_system("proc", {{"hidepid", "invisible"}, {"subset", "pid"}}, kOwnData);
  if (mount) confinement.placements.push_back({std::move(*mount), "proc"});
  return {};
}

// Most starts find what the one before wrote.
Result<void> keep_file(const Path& path, const std::string& text) {
  const auto there = read_file(path, 4_MiB);
  return there && *there == text ? Result<void>{} : write_file_atomic(path, text, 0644);
}

}  // namespace

Result<void> build_root(const RootPlan& plan, Confinement& confinement) {
  HOWDAH_TRY(confinement.root, new_file_system("tmpfs",
                                               {{"size", fmt::format("{}", plan.scratch_max)},
                                                {"nr_inodes", fmt::format("{}", kInodesMax)},
                                                {"mode", "0755"}},
                                               kOwnData));
  HOWDAH_CHECK(Skeleton(confinement.root.get()).folder("tmp", 01777));
  HOWDAH_CHECK(add_system(plan, confinement));
  HOWDAH_CHECK(add_devices(confinement));
  HOWDAH_CHECK(add_processes(confinement));
  for (const Path& path : plan.own_read) {
    HOWDAH_CHECK(place_folder(confinement, path, kReadOnly | MOUNT_ATTR_NOEXEC));
  }
  for (const Path& path : plan.own_write) {
    HOWDAH_CHECK(place_folder(confinement, path, kOwnData));
  }
  return {};
}

Result<void> write_etc(const Path& folder, const std::vector<KnownUser>& users) {
  HOWDAH_CHECK(make_directory(folder, 0755));
  std::string passwd, group;
  for (const KnownUser& user : users) {
    passwd += fmt::format("{}:x:{}:{}::/:/usr/sbin/nologin\n", user.name, user.uid, user.gid);
    group += fmt::format("{}:x:{}:\n", user.name, user.gid);
  }
  const std::array<std::pair<const char*, std::string>, 5> written{
      {{"passwd", passwd},
       {"group", group},
       {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
       {"hosts", "127.0.0.1 localhost\n::1 localhost\n"},
       {"howdah", "The /etc of a confined program: written by Howdah at each start.\n"}}};
  for (const auto& [name, text] : written) {
    HOWDAH_CHECK(keep_file(folder / name, text));
  }
  // What libraries look for: where other libraries are, which of several is meant, how to encrypt.
  for (const char* name :
       {"ld.so.cache", "ssl/openssl.cnf", "localtime", "services", "protocols", "locale.alias"}) {
    const auto text = read_file(Path("/etc") / name, 4_MiB);
    if (!text) continue;
    HOWDAH_CHECK(make_directory((folder / name).parent_path(), 0755));
    HOWDAH_CHECK(keep_file(folder / name, *text));
  }
  std::error_code error;
  const Path alternatives = folder / "alternatives";
  HOWDAH_CHECK(make_directory(alternatives, 0755));
  for (const auto& entry : fs::directory_iterator("/etc/alternatives", error)) {
    const Path copy = alternatives / entry.path().filename();
    std::error_code ignored;
    fs::remove(copy, ignored);
    fs::copy_symlink(entry.path(), copy, ignored);
  }
  return {};
}

}  // namespace howdah::os::detail
