// SPDX-License-Identifier: Apache-2.0
#include "os/core_dumps.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace howdah::os {
namespace {

// In a process of its own, since it cannot be taken back: dies of a signal that makes a core file
// where one is allowed. True: one was made.
bool dumps_core(bool forbid) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_CORE, &all);
    ::signal(SIGSEGV, SIG_DFL);
    if (::chdir("/tmp") != 0) ::_exit(2);
    if (forbid && !forbid_core_dumps()) ::_exit(3);
    ::raise(SIGSEGV);
    ::_exit(4);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  const bool dumped = WCOREDUMP(status);
  if (dumped) {
    ::unlink("/tmp/core");
    ::unlink(("/tmp/core." + std::to_string(pid)).c_str());
  }
  return dumped;
}

TEST(CoreDumps, are_not_made_once_they_are_forbidden) {
  EXPECT_FALSE(dumps_core(true));
}

TEST(CoreDumps, control_are_made_where_nobody_forbids_them) {
  rlimit limit{};
  ::getrlimit(RLIMIT_CORE, &limit);
  if (limit.rlim_max == 0 && ::geteuid() != 0) GTEST_SKIP() << "core files are off here";
  if (!dumps_core(false)) GTEST_SKIP() << "this machine makes no core files";
}

}  // namespace
}  // namespace howdah::os
