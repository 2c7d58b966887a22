// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <filesystem>
#include <string>

#include <chrono>
#include <csignal>
#include <thread>

namespace howdah::os {
namespace {

SpawnOptions shell(std::string script) {
  SpawnOptions options;
  options.arguments = {"/bin/sh", "-c", std::move(script)};
  options.environment = {"PATH=/usr/bin:/bin"};
  return options;
}

// Waits at most 5 s for the end of a child.
int end_of(Process& process) {
  pollfd poll_fd{process.pidfd(), POLLIN, 0};
  if (::poll(&poll_fd, 1, 5000) != 1) return -1;
  return process.reap().value_or(-2);
}

bool gone_within_5s(pid_t pid) {
  for (int i = 0; i < 500; ++i) {
    if (::kill(pid, 0) != 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(Process, run_gives_exit_code_and_both_outputs) {
  const auto output = run(shell("echo out; echo err >&2; exit 7"), 5000);
  ASSERT_TRUE(output) << output.error().to_log();
  EXPECT_EQ(output->exit_code, 7);
  EXPECT_EQ(output->text, "out\nerr\n");
}

TEST(Process, run_keeps_one_MiB_of_output_and_reads_the_rest) {
  const auto output = run(shell("head -c 3000000 /dev/zero"), 5000);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->exit_code, 0);
  EXPECT_EQ(output->text.size(), 1U << 20);
}

TEST(Process, run_kills_what_takes_too_long) {
  const auto start = std::chrono::steady_clock::now();
  const auto output = run(shell("exec sleep 300"), 100);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::timeout);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Process, a_program_that_is_missing_is_an_error_that_names_it) {
  SpawnOptions options;
  options.arguments = {"/no/such/program"};
  const auto process = spawn(options);
  ASSERT_FALSE(process);
  EXPECT_NE(process.error().message.find("/no/such/program"), std::string::npos);
  EXPECT_NE(process.error().message.find("execute"), std::string::npos);
}

TEST(Process, a_program_in_a_folder_that_is_closed_to_its_user_is_executed) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it starts a program as another user";
  std::string folder = "/tmp/howdah-os-XXXXXX";  // mode 0700, as /root
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::filesystem::copy_file("/usr/bin/id", folder + "/id");
  SpawnOptions options;
  options.arguments = {folder + "/id", "-un"};
  options.user = find_user("nobody");
  const auto output = run(options, 5000);
  std::filesystem::remove_all(folder);
  ASSERT_TRUE(output) << output.error().to_log();
  EXPECT_EQ(output->text, "nobody\n");
}

TEST(Process, a_step_before_exec_that_fails_is_named) {
  SpawnOptions options = shell("true");
  options.working_directory = "/no/such/directory";
  const auto process = spawn(options);
  ASSERT_FALSE(process);
  EXPECT_NE(process.error().message.find("change to its directory"), std::string::npos);
}

TEST(Process, gets_the_environment_that_was_given_and_nothing_else) {
  SpawnOptions options;
  options.arguments = {"/usr/bin/env"};
  options.environment = {"ONLY=this"};
  const auto output = run(options, 5000);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->text, "ONLY=this\n");
}

TEST(Process, inherits_only_the_descriptors_that_were_named) {
  // High numbers: the program opens low ones itself.
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd kept(::fcntl(null.get(), F_DUPFD_CLOEXEC, 100));
  const UniqueFd open(::fcntl(null.get(), F_DUPFD, 200));  // without O_CLOEXEC
  ASSERT_TRUE(kept && open);
  SpawnOptions options = shell("ls /proc/self/fd");
  options.inherited_fds = {kept.get()};
  const auto output = run(options, 5000);
  ASSERT_TRUE(output);
  EXPECT_NE(output->text.find(std::to_string(kept.get())), std::string::npos) << output->text;
  EXPECT_EQ(output->text.find(std::to_string(open.get())), std::string::npos) << output->text;
}

TEST(Process, starts_with_default_signals_and_none_blocked) {
  ::signal(SIGTERM, SIG_IGN);
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &term, nullptr);
  const auto output = run(shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"), 5000);
  ::pthread_sigmask(SIG_UNBLOCK, &term, nullptr);
  ::signal(SIGTERM, SIG_DFL);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Process, gains_no_privileges_and_leaves_no_core) {
  const auto output =
      run(shell("grep NoNewPrivs /proc/self/status; ulimit -c; ps -o sid= -p $$"), 5000);
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->text.starts_with("NoNewPrivs:\t1\n0\n")) << output->text;
}

TEST(Process, runs_as_another_user_without_groups) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it changes the user";
  SpawnOptions options = shell("id -u; id -g; id -G; grep CapEff /proc/self/status");
  options.user = UserIds{65534, 65534};
  const auto output = run(options, 5000);
  ASSERT_TRUE(output) << output.error().to_log();
  EXPECT_EQ(output->text, "65534\n65534\n65534\nCapEff:\t0000000000000000\n");
}

TEST(Process, its_end_is_seen_and_reaped_once) {
  auto process = spawn(shell("exit 3"));
  ASSERT_TRUE(process);
  EXPECT_EQ(end_of(*process), 3);
  EXPECT_FALSE(process->running());
  EXPECT_FALSE(process->reap());
}

TEST(Process, death_by_signal_is_128_more) {
  auto process = spawn(shell("exec sleep 30"));
  ASSERT_TRUE(process);
  EXPECT_TRUE(process->running());
  EXPECT_FALSE(process->reap());
  ASSERT_TRUE(process->signal(SIGTERM));
  EXPECT_EQ(end_of(*process), 128 + SIGTERM);
}

TEST(Process, a_signal_after_the_end_reaches_nobody) {
  auto process = spawn(shell("exit 0"));
  ASSERT_TRUE(process);
  ASSERT_EQ(end_of(*process), 0);
  const auto sent = process->signal(SIGTERM);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::not_found);
}

TEST(Process, one_that_another_started_is_adopted) {
  auto started = spawn(shell("exec sleep 30"));
  ASSERT_TRUE(started);
  auto adopted = Process::adopt(started->pid());
  ASSERT_TRUE(adopted) << adopted.error().to_log();
  EXPECT_TRUE(adopted->running());
  ASSERT_TRUE(adopted->signal(SIGKILL));
  EXPECT_EQ(end_of(*started), 128 + SIGKILL);
  EXPECT_FALSE(adopted->running());
  const auto gone = Process::adopt(started->pid());
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::not_found);
}

TEST(Process, dies_with_its_parent_when_asked_to) {
  // A parent of its own, which starts a child through the same call and ends.
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    SpawnOptions options = shell("exec sleep 30");
    options.dies_with_parent = true;
    const auto child = spawn(options);
    const pid_t pid = child ? child->pid() : -1;
    [[maybe_unused]] const ssize_t size = ::write(pipe_fds[1], &pid, sizeof pid);
    ::_exit(0);
  }
  pid_t child = -1;
  ASSERT_EQ(::read(pipe_fds[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  ::waitpid(parent, nullptr, 0);
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  ASSERT_GT(child, 0);
  EXPECT_TRUE(gone_within_5s(child));
}

TEST(Process, users_are_found_by_name_and_uid) {
  const auto root = find_user("root");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->uid, 0U);
  EXPECT_EQ(user_name(0), "root");
  EXPECT_FALSE(find_user("no-such-user"));
  EXPECT_FALSE(user_name(3'999'999'999));
}

}  // namespace
}  // namespace howdah::os
