// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "os/confinement.h"
#include "os/detail/confine_child.h"

namespace howdah::os {
namespace {

// What the child reports through its pipe when a step before exec fails.
struct ChildFailure {
  int step;
  int error_number;
};
enum Step : int {
  kLimit,
  kRedirect,
  kJoinGroups,
  kMakeNamespaces,
  kChangeRoot,
  kSetUser,
  kChangeFolder,
  kKeepFiles,
  kRestrictFiles,
  kFilterCalls,
  kExecute,
};
constexpr std::array<const char*, 11> kSteps{"set its limits",
                                             "redirect its files",
                                             "join its control groups",
                                             "make its namespaces",
                                             "change its root",
                                             "set its user",
                                             "change to its directory",
                                             "keep its files",
                                             "restrict its files",
                                             "filter its system calls",
                                             "execute"};

[[noreturn]] void child_fail(int report_fd, int step) {
  const ChildFailure failure{step, errno};
  [[maybe_unused]] const ssize_t size = ::write(report_fd, &failure, sizeof failure);
  ::_exit(127);
}

// Everything the child needs, prepared before fork: after it, only async-signal-safe calls.
struct ChildPlan {
  const SpawnOptions& options;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<unsigned> kept_fds;  // sorted
  int null_fd;
  int report_fd;
  int program_fd;  // opened by the caller's rights; -1: could not be
  pid_t parent;
};

void close_all_but(const std::vector<unsigned>& kept) {
  unsigned next = 3;
  for (const unsigned fd : kept) {
    if (fd > next) ::syscall(SYS_close_range, next, fd - 1, 0);
    next = fd + 1;
  }
  ::syscall(SYS_close_range, next, ~0U, 0);
}

// Plain calls: the C library's own would first ask threads that are not there in the child.
bool set_user(const UserIds& user) {
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

void reset_signals() {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < NSIG; ++number) {
    // The C library guards this one's by a lock, which the copied process may find taken.
    if (number != SIGABRT) ::signal(number, SIG_DFL);
  }
}

[[noreturn]] void run_child(const ChildPlan& plan) {
  const SpawnOptions& options = plan.options;
  const Confinement* const wall = options.confinement;
  const auto check = [&plan](bool done, Step step) {
    if (!done) child_fail(plan.report_fd, step);
  };
  if (options.new_session) ::setsid();
  reset_signals();
  const rlimit core{options.core_size_max, options.core_size_max};
  check(::setrlimit(RLIMIT_CORE, &core) == 0, kLimit);
  // A cap of our own memory is not one of others' (memory.h).
  rlimit data{};
  ::getrlimit(RLIMIT_DATA, &data);
  data.rlim_cur = data.rlim_max;
  check(::setrlimit(RLIMIT_DATA, &data) == 0, kLimit);
  const std::array<int, 3> standard{options.stdin_fd, options.stdout_fd, options.stderr_fd};
  for (int fd = 0; fd < 3; ++fd) {
    const int source = standard[static_cast<std::size_t>(fd)];
    check(::dup2(source >= 0 ? source : plan.null_fd, fd) >= 0, kRedirect);
  }
  if (wall != nullptr) {
    check(detail::join_groups(*wall), kJoinGroups);
    check(detail::make_namespaces(*wall), kMakeNamespaces);
    check(detail::change_root(*wall), kChangeRoot);
    if (wall->drop_capabilities) detail::drop_bounding_set();
  }
  check(!options.user || set_user(*options.user), kSetUser);
  // After the change of user, which clears it. The parent may have died in between.
  if (options.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  check(::chdir(options.working_directory.c_str()) == 0, kChangeFolder);
  for (const int fd : options.inherited_fds) check(::fcntl(fd, F_SETFD, 0) == 0, kKeepFiles);
  check(wall == nullptr || detail::restrict_files(*wall), kRestrictFiles);
  close_all_but(plan.kept_fds);
  check(wall == nullptr || detail::filter_calls(*wall), kFilterCalls);
  ::execve(plan.argv[0], plan.argv.data(), plan.envp.data());
  // Its user may not pass the folders above, such as /root, but may execute the file itself.
  if (errno == EACCES && plan.program_fd >= 0) {
    ::syscall(SYS_execveat, plan.program_fd, "", plan.argv.data(), plan.envp.data(), AT_EMPTY_PATH);
  }
  child_fail(plan.report_fd, kExecute);
}

// As fork(2), but born in its control group where there is one of version 2.
pid_t fork_into(const Confinement* wall) {
  if (wall == nullptr || !wall->group) return ::fork();
  clone_args arguments{};
  arguments.flags = CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND;
  arguments.exit_signal = SIGCHLD;
  arguments.cgroup = static_cast<__u64>(wall->group.get());
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof arguments));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

std::optional<UserIds> find_user(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return std::nullopt;
  }
  return UserIds{entry.pw_uid, entry.pw_gid};
}

std::optional<std::string> user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || !found) {
    return std::nullopt;
  }
  return std::string(entry.pw_name);
}

Result<Process> Process::adopt(pid_t pid) {
  UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd)
    return fail_errno(fmt::format("watch process {}", pid), errno == ESRCH ? ENOENT : errno);
  return Process(pid, std::move(pidfd));
}

Result<void> Process::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0) {
    return fail_errno(fmt::format("signal process {}", pid_), errno == ESRCH ? ENOENT : errno);
  }
  return {};
}

bool Process::running() const {
  pollfd poll_fd{pidfd_.get(), POLLIN, 0};
  return ::poll(&poll_fd, 1, 0) == 0;
}

std::optional<int> Process::reap() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Result<Process> spawn(const SpawnOptions& options) {
  HOWDAH_TRY(const UniqueFd null_fd, open_file("/dev/null", O_RDWR));
  std::array<int, 2> pipe_fds{};
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  const UniqueFd report_in(pipe_fds[0]);
  UniqueFd report_out(pipe_fds[1]);
  const UniqueFd program(::open(options.arguments.front().c_str(), O_PATH | O_CLOEXEC));

  ChildPlan plan{options,
                 pointers(options.arguments),
                 pointers(options.environment),
                 {},
                 null_fd.get(),
                 report_out.get(),
                 program.get(),
                 ::getpid()};
  for (const int fd : options.inherited_fds) plan.kept_fds.push_back(static_cast<unsigned>(fd));
  plan.kept_fds.push_back(static_cast<unsigned>(report_out.get()));
  if (program) plan.kept_fds.push_back(static_cast<unsigned>(program.get()));
  std::sort(plan.kept_fds.begin(), plan.kept_fds.end());

  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork_into(options.confinement);
  if (pid == 0) run_child(plan);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail_errno("fork", fork_error);

  report_out = UniqueFd();
  UniqueFd pidfd = open_pidfd(pid);
  ChildFailure failure{};
  ssize_t size = 0;
  do {
    size = ::read(report_in.get(), &failure, sizeof failure);
  } while (size < 0 && errno == EINTR);
  if (size == sizeof failure) {
    ::waitpid(pid, nullptr, 0);
    return fail_errno(fmt::format("{} {}", kSteps[static_cast<std::size_t>(failure.step)],
                                  options.arguments.front()),
                      failure.error_number);
  }
  if (!pidfd) return fail_errno("watch the new process", errno);
  return Process(pid, std::move(pidfd));
}

Result<Output> run(SpawnOptions options, int timeout_ms) {
  constexpr std::size_t kTextMax = 1 << 20;
  std::array<int, 2> pipe_fds{};
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return fail_errno("make a pipe", errno);
  const UniqueFd in(pipe_fds[0]);
  UniqueFd out(pipe_fds[1]);
  options.stdout_fd = options.stderr_fd = out.get();
  // Nobody reads its output once this thread is gone, and it must not go on behind a restart.
  options.dies_with_parent = true;
  HOWDAH_TRY(Process process, spawn(options));
  out = UniqueFd();

  Output output{0, {}};
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        give_up - std::chrono::steady_clock::now());
    pollfd poll_fd{in.get(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      (void)process.signal(SIGKILL);
      ::waitpid(process.pid(), nullptr, 0);
      return fail(ErrorCode::timeout, fmt::format("{} did not end within {} ms",
                                                  options.arguments.front(), timeout_ms));
    }
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(in.get(), buffer.data(), buffer.size());
    if (size <= 0) break;
    const std::size_t room = kTextMax - output.text.size();
    output.text.append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
  }
  int status = 0;
  ::waitpid(process.pid(), &status, 0);
  output.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

Error replace_process(const std::vector<std::string>& arguments, int kept_fd) {
  if (kept_fd >= 0) ::fcntl(kept_fd, F_SETFD, 0);
  ::execv(arguments.front().c_str(), pointers(arguments).data());
  return fail_errno("execute " + arguments.front(), errno).error();
}

}  // namespace howdah::os
