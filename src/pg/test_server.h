// SPDX-License-Identifier: Apache-2.0
// A throwaway PostgreSQL 15 for *_pgtest.cc of any module: made in a temporary folder without any
// durability, gone with the object. Blocks for about a second; share one per test suite.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/process.h"
#include "pg/connection.h"

namespace howdah::pg::testing {

class TestServer {
 public:
  static constexpr const char* kSuperuser = "howdah_admin";

  TestServer() {
    std::string name = "/tmp/howdah-pg-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = name;
    // PostgreSQL refuses to run as root.
    if (::getuid() == 0) {
      user_ = os::find_user("postgres");
      if (!user_) user_ = os::find_user("nobody");
      require(os::change_owner(folder_, user_->uid, user_->gid));
      require(os::make_directory(folder_, 0755));
    }
    const auto made = os::run(options({"initdb", "-D", data(), "-U", kSuperuser, "-A", "trust",
                                       "-E", "UTF8", "--locale=C.UTF-8", "-N"}),
                              60'000);
    if (!made) throw std::runtime_error(made.error().to_log());
    if (made->exit_code != 0) throw std::runtime_error(made->text);
    start();
  }
  ~TestServer() {
    stop(SIGQUIT);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  const std::string& socket_directory() const { return folder_; }
  ConnectOptions connect_options(std::string database = "postgres") const {
    ConnectOptions options;
    options.socket_directory = folder_;
    options.user = kSuperuser;
    options.database = std::move(database);
    return options;
  }

  // To test what happens when the server goes away and comes back.
  void start() {
    auto log = os::open_file(folder_ + "/log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    require(log);
    auto spawning = options({"postgres", "-D", data(), "-k", folder_, "-c",
                             "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
                             "-c", "synchronous_commit=off", "-c", "shared_buffers=16MB", "-c",
                             "max_connections=60", "-c", "dynamic_shared_memory_type=mmap"});
    spawning.stdout_fd = spawning.stderr_fd = log->get();
    spawning.dies_with_parent = true;
    auto spawned = os::spawn(spawning);
    require(spawned);
    process_.emplace(std::move(*spawned));
    for (int i = 0; i < 4000; ++i) {
      if (ready()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw std::runtime_error("PostgreSQL did not start; see " + folder_ + "/log");
  }
  // number: SIGINT ends sessions, SIGQUIT ends everything at once, as a crash does.
  void stop(int number) {
    if (!process_) return;
    (void)process_->signal(number);
    for (int i = 0; i < 1000 && !process_->reap(); ++i) {
      if (i == 900) (void)process_->signal(SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    process_.reset();
  }

 private:
  template <typename T>
  static void require(const Result<T>& result) {
    if (!result) throw std::runtime_error(result.error().to_log());
  }
  std::string data() const { return folder_ + "/data"; }

  os::SpawnOptions options(std::vector<std::string> arguments) const {
    os::SpawnOptions spawning;
    arguments[0] = "/usr/lib/postgresql/15/bin/" + arguments[0];
    spawning.arguments = std::move(arguments);
    spawning.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
    spawning.working_directory = folder_;
    spawning.user = user_;
    return spawning;
  }
  // The eighth line of postmaster.pid is the server's own word for its state.
  bool ready() const {
    std::ifstream file(data() + "/postmaster.pid");
    std::string line;
    for (int i = 0; i < 8 && std::getline(file, line); ++i) {
      if (i == 7) return line.starts_with("ready");
    }
    return false;
  }

  std::string folder_;
  std::optional<os::UserIds> user_;
  std::optional<os::Process> process_;
};

}  // namespace howdah::pg::testing
