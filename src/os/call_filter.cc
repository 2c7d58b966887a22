// SPDX-License-Identifier: Apache-2.0
#include "os/call_filter.h"

#include <asm/unistd.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace howdah::os {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kX32Bit = 0x4000'0000;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t kArchitecture = 0;
#endif

// Calls newer than the oldest headers that this is built with have the same number everywhere.
constexpr std::uint32_t kOpenTree = 428, kMoveMount = 429, kFsopen = 430, kFsconfig = 431,
                        kFsmount = 432, kFspick = 433, kClone3 = 435, kPidfdGetfd = 438,
                        kMountSetattr = 442, kQuotactlFd = 443;

constexpr std::array kForbidden{
    // what is mounted, and what "/" is
    std::uint32_t{__NR_mount},
    std::uint32_t{__NR_umount2},
    std::uint32_t{__NR_pivot_root},
    std::uint32_t{__NR_chroot},
    kOpenTree,
    kMoveMount,
    kFsopen,
    kFsconfig,
    kFsmount,
    kFspick,
    kMountSetattr,
    // namespaces
    std::uint32_t{__NR_setns},
    std::uint32_t{__NR_unshare},
    // other processes
    std::uint32_t{__NR_ptrace},
    std::uint32_t{__NR_process_vm_readv},
    std::uint32_t{__NR_process_vm_writev},
    std::uint32_t{__NR_kcmp},
    kPidfdGetfd,
    // the kernel itself
    std::uint32_t{__NR_bpf},
    std::uint32_t{__NR_perf_event_open},
    std::uint32_t{__NR_userfaultfd},
    std::uint32_t{__NR_io_uring_setup},
    std::uint32_t{__NR_io_uring_enter},
    std::uint32_t{__NR_io_uring_register},
    std::uint32_t{__NR_init_module},
    std::uint32_t{__NR_finit_module},
    std::uint32_t{__NR_delete_module},
    std::uint32_t{__NR_kexec_load},
    std::uint32_t{__NR_kexec_file_load},
    std::uint32_t{__NR_reboot},
    std::uint32_t{__NR_syslog},
    std::uint32_t{__NR_personality},
    std::uint32_t{__NR_vhangup},
    std::uint32_t{__NR_fanotify_init},
    // keyrings belong to users of the host, not to namespaces
    std::uint32_t{__NR_add_key},
    std::uint32_t{__NR_request_key},
    std::uint32_t{__NR_keyctl},
    // files by another name than their path
    std::uint32_t{__NR_open_by_handle_at},
    std::uint32_t{__NR_name_to_handle_at},
    // the machine's administration
    std::uint32_t{__NR_swapon},
    std::uint32_t{__NR_swapoff},
    std::uint32_t{__NR_acct},
    std::uint32_t{__NR_quotactl},
    kQuotactlFd,
    std::uint32_t{__NR_settimeofday},
    std::uint32_t{__NR_clock_settime},
    std::uint32_t{__NR_adjtimex},
    std::uint32_t{__NR_clock_adjtime},
    std::uint32_t{__NR_sethostname},
    std::uint32_t{__NR_setdomainname},
#if defined(__x86_64__)
    std::uint32_t{__NR_iopl},
    std::uint32_t{__NR_ioperm},
    std::uint32_t{__NR_modify_ldt},
    std::uint32_t{__NR_uselib},
    std::uint32_t{__NR_ustat},
    std::uint32_t{__NR__sysctl},
#endif
};

constexpr std::array kFamilies{std::uint32_t{AF_UNIX}, std::uint32_t{AF_INET},
                               std::uint32_t{AF_INET6}};

constexpr std::uint32_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr std::uint32_t failing(std::uint32_t error) {
  return SECCOMP_RET_ERRNO | error;
}

// BPF as classic socket filters have it: each jump counts the instructions that it leaves out.
class Program {
 public:
  void load(std::size_t offset) {
    code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
  }
  // The low half: all values looked at here have 32 bits, and the machines are little-endian.
  void load_argument(std::size_t index) {
    load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
  }
  void give(std::uint32_t result) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, result)); }
  void give_if_equal(std::uint32_t value, std::uint32_t result) {
    jump(BPF_JEQ, value, 0, 1);
    give(result);
  }
  void give_unless_equal(std::uint32_t value, std::uint32_t result) {
    jump(BPF_JEQ, value, 1, 0);
    give(result);
  }
  void give_if_any_bit(std::uint32_t bits, std::uint32_t result) {
    jump(BPF_JSET, bits, 0, 1);
    give(result);
  }
  void give_if_at_least(std::uint32_t value, std::uint32_t result) {
    jump(BPF_JGE, value, 0, 1);
    give(result);
  }
  // Leaves the next `count` instructions out unless the value is this one.
  void only_for(std::uint32_t value, std::size_t count) {
    jump(BPF_JEQ, value, 0, static_cast<std::uint8_t>(count));
  }
  void append(const Program& part) {
    code_.insert(code_.end(), part.code_.begin(), part.code_.end());
  }
  std::size_t size() const { return code_.size(); }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void jump(int kind, std::uint32_t value, std::uint8_t if_true, std::uint8_t if_false) {
    code_.push_back(
        BPF_JUMP(static_cast<std::uint16_t>(BPF_JMP | kind | BPF_K), value, if_true, if_false));
  }
  std::vector<sock_filter> code_;
};

// The families that PostgreSQL and the C library use; of netlink only what lists addresses.
Program socket_rules() {
  Program part;
  part.load_argument(0);
  for (const std::uint32_t family : kFamilies) part.give_if_equal(family, SECCOMP_RET_ALLOW);
  part.only_for(AF_NETLINK, 3);
  part.load_argument(2);
  part.give_if_equal(0, SECCOMP_RET_ALLOW);  // NETLINK_ROUTE
  part.give(failing(EAFNOSUPPORT));
  return part;
}

Program clone_rules() {
  Program part;
  part.load_argument(0);
  part.give_if_any_bit(kNewNamespaces, failing(EPERM));
  part.give(SECCOMP_RET_ALLOW);
  return part;
}

// Typing into somebody's terminal.
Program ioctl_rules() {
  constexpr std::uint32_t kLinuxConsole = 0x541C;  // TIOCLINUX
  Program part;
  part.load_argument(1);
  part.give_if_equal(TIOCSTI, failing(EPERM));
  part.give_if_equal(kLinuxConsole, failing(EPERM));
  part.give(SECCOMP_RET_ALLOW);
  return part;
}

std::vector<sock_filter> make_program() {
  Program program;
  // Another architecture's calls (32-bit ones) have other numbers: none of them is let in.
  program.load(offsetof(seccomp_data, arch));
  program.give_unless_equal(kArchitecture, SECCOMP_RET_KILL_PROCESS);
  program.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  program.give_if_at_least(kX32Bit, failing(EPERM));
#endif
  for (const std::uint32_t number : kForbidden) program.give_if_equal(number, failing(EPERM));
  // Its flags are in memory, where no filter sees them; the C library falls back to clone.
  program.give_if_equal(kClone3, failing(ENOSYS));
  const std::array rules{std::pair{std::uint32_t{__NR_socket}, socket_rules()},
                         std::pair{std::uint32_t{__NR_socketpair}, socket_rules()},
                         std::pair{std::uint32_t{__NR_clone}, clone_rules()},
                         std::pair{std::uint32_t{__NR_ioctl}, ioctl_rules()}};
  for (const auto& [number, part] : rules) {
    program.only_for(number, part.size());
    program.append(part);
  }
  program.give(SECCOMP_RET_ALLOW);
  return program.take();
}

}  // namespace

const sock_fprog* call_filter() {
  if (kArchitecture == 0) return nullptr;
  static std::vector<sock_filter> code = make_program();
  static const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return &program;
}

}  // namespace howdah::os
