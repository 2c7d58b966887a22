// SPDX-License-Identifier: Apache-2.0
// The program howdah-node as a process of its own, for tests that kill it. It stands beside the
// test program.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "node/test_node.h"
#include "os/process.h"

namespace howdah::node::testing {

class TestProgram {
 public:
  explicit TestProgram(const os::Path& root) : root_(root) {}
  ~TestProgram() { kill(); }

  // Empty: it is ready. Else its exit code.
  std::optional<int> start(std::vector<std::string> flags,
                           std::optional<os::UserIds> user = std::nullopt) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
    const os::UniqueFd in(ends[0]);
    os::UniqueFd out(ends[1]);
    const auto log = os::open_file(root_ / "log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    const os::Path self = std::filesystem::read_symlink("/proc/self/exe");
    os::SpawnOptions options;
    options.arguments = {(self.parent_path() / "howdah-node").string(),
                         "--data-dir",
                         (root_ / "data").string(),
                         "--runtime-dir",
                         (root_ / "run").string(),
                         "--ready-fd",
                         std::to_string(out.get())};
    options.arguments.insert(options.arguments.end(), flags.begin(), flags.end());
    options.environment = {"PATH=/usr/bin:/bin"};
    options.user = user;
    options.stderr_fd = log->get();
    options.inherited_fds = {out.get()};
    auto process = os::spawn(options);
    if (!process) throw std::runtime_error(process.error().to_log());
    process_.emplace(std::move(*process));
    out = os::UniqueFd();
    std::array<char, 512> line{};
    pollfd ready{in.get(), POLLIN, 0};
    (void)::poll(&ready, 1, 120'000);
    if (::read(in.get(), line.data(), line.size()) > 0) return std::nullopt;
    return wait();
  }
  void signal(int number) { (void)process_->signal(number); }
  int wait() {
    pollfd ended{process_->pidfd(), POLLIN, 0};
    (void)::poll(&ended, 1, 60'000);
    const int code = process_->reap().value_or(-1);
    process_.reset();
    return code;
  }
  void kill() {
    if (!process_) return;
    signal(SIGKILL);
    (void)wait();
  }
  std::string log() const { return os::read_file(root_ / "log").value_or(""); }
  std::string socket() const { return (root_ / "run" / "node.sock").string(); }

 private:
  os::Path root_;
  std::optional<os::Process> process_;
};

}  // namespace howdah::node::testing
