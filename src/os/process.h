// SPDX-License-Identifier: Apache-2.0
// Starting and watching other programs: the only place that does.
#pragma once
#include <sys/resource.h>
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

struct Confinement;

struct UserIds {
  uid_t uid;
  gid_t gid;
};

// Empty: no such user on this machine.
std::optional<UserIds> find_user(const std::string& name);
std::optional<std::string> user_name(uid_t uid);

struct SpawnOptions {
  std::vector<std::string> arguments;    // arguments[0]: absolute path of the program
  std::vector<std::string> environment;  // the whole of it: NAME=value; never a secret
  Path working_directory = "/";
  std::optional<UserIds> user;  // all groups are dropped; needs root
  int stdin_fd = -1;            // -1: /dev/null
  int stdout_fd = -1;
  int stderr_fd = -1;
  std::vector<int> inherited_fds;  // every other descriptor is closed
  bool new_session = true;         // setsid: terminal signals do not reach it
  bool dies_with_parent = false;   // SIGKILL when the spawning thread ends
  rlim_t core_size_max = 0;
  const Confinement* confinement = nullptr;  // outlives the call (sandbox.h)
};

// A started program, watched through a pidfd, so a reused pid is never signalled by mistake.
class Process {
 public:
  Process(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  // A process that this one did not start (adoption). Errors: not_found when it is gone.
  static Result<Process> adopt(pid_t pid);

  pid_t pid() const { return pid_; }
  // Readable when the process has ended: give a dup of it to an asio::posix::stream_descriptor.
  int pidfd() const { return pidfd_.get(); }
  Result<void> signal(int number) const;
  bool running() const;
  // Reaps a child. Returns its exit code, or 128 + signal. Empty: still running, or not our child.
  std::optional<int> reap();

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

// Errors: io_error naming the step that failed in the child (exec, setuid, chdir, ...).
Result<Process> spawn(const SpawnOptions& options);

struct Output {
  int exit_code;
  std::string text;  // standard output and error, as they came, at most 1 MiB
};
// Runs a program to its end. Blocks, at most timeout_ms, then kills it (ErrorCode::timeout).
Result<Output> run(SpawnOptions options, int timeout_ms);

// Becomes another program, as exec(2): returns only when that failed. kept_fd stays open in it.
Error replace_process(const std::vector<std::string>& arguments, int kept_fd = -1);

}  // namespace howdah::os
