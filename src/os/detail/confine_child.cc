// SPDX-License-Identifier: Apache-2.0
#include "os/detail/confine_child.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

// Not <sys/mount.h>: Debian 12's defines the same names as <linux/mount.h>.
extern "C" int mount(const char*, const char*, const char*, unsigned long, const void*) noexcept;
extern "C" int umount2(const char*, int) noexcept;

namespace howdah::os::detail {
namespace {

constexpr unsigned long kPrivate = 1UL << 18, kRecursive = 1UL << 14;  // MS_PRIVATE, MS_REC
constexpr int kDetach = 2;                                             // MNT_DETACH

bool move_mount(const Placement& placement, int root) {
  return ::syscall(SYS_move_mount, placement.mount.get(), "", root, placement.path.c_str(),
                   MOVE_MOUNT_F_EMPTY_PATH) == 0;
}

// Without it PostgreSQL 13 and 14 have no statistics, so no autovacuum.
bool raise_loopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  request.ifr_name[0] = 'l';
  request.ifr_name[1] = 'o';
  request.ifr_flags = IFF_UP;
  const bool done = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  const int error = errno;
  ::close(fd);
  errno = error;
  return done;
}

}  // namespace

bool join_groups(const Confinement& confinement) {
  // One thread, and itself: the kernel takes no lock of the whole machine for that.
  for (const UniqueFd& tasks : confinement.group_tasks) {
    if (::write(tasks.get(), "0", 1) != 1) return false;
  }
  return true;
}

bool make_namespaces(const Confinement& confinement) {
  const int flags = confinement.namespaces | (confinement.root ? CLONE_NEWNS : 0);
  if (flags != 0 && ::unshare(flags) != 0) return false;
  if ((flags & CLONE_NEWUTS) != 0 && ::sethostname("instance", 8) != 0) return false;
  return (flags & CLONE_NEWNET) == 0 || raise_loopback();
}

bool change_root(const Confinement& confinement) {
  if (!confinement.root) return true;
  // First of all: what is done to a shared mount would be done on the host too.
  if (::mount(nullptr, "/", nullptr, kRecursive | kPrivate, nullptr) != 0) return false;
  const int root = confinement.root.get();
  if (::syscall(SYS_move_mount, root, "", AT_FDCWD, confinement.attach_point.c_str(),
                MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return false;
  }
  if (::fchdir(root) != 0) return false;
  for (const Placement& placement : confinement.placements) {
    if (!move_mount(placement, root)) return false;
  }
  // The old root ends up on top of the new one and goes with all that is below it (pivot_root(2)).
  return ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", kDetach) == 0 &&
         ::chdir("/") == 0;
}

void drop_bounding_set() {
  // A failure: the kernel has no more, or the machine gives no right to; the change of user takes
  // the capabilities themselves.
  for (int capability = 0; ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0; ++capability) {
  }
}

bool restrict_files(const Confinement& confinement) {
  constexpr long kRestrictSelf = 446;  // landlock_restrict_self, on every architecture
  return !confinement.ruleset || ::syscall(kRestrictSelf, confinement.ruleset.get(), 0) == 0;
}

bool filter_calls(const Confinement& confinement) {
  if (confinement.call_filter == nullptr) return true;
  // The flag: no slower CPU mode for a filter's sake, which is no sandbox for untrusted code in
  // one address space.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                   confinement.call_filter) == 0;
}

}  // namespace howdah::os::detail
