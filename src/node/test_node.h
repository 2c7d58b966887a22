// SPDX-License-Identifier: Apache-2.0
// A node agent in this process, on folders of its own, for the *_pgtest.cc of this module. Whatever
// happens, nothing of it is left behind: no process, no mount, no file.
#pragma once
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "node/node_service.h"
#include "nodeapi/client.h"
#include "pg/connection.h"

namespace howdah::node::testing {

// Temporary folders, and the end of whatever still works below them. A test that crashed cannot
// clean up after itself, so the next one does.
class TestFolders {
 public:
  TestFolders() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/tmp", ignored)) {
      if (entry.path().filename().string().starts_with("hn-")) clean_up_after_dead(entry.path());
    }
    // Short: it holds sockets. The name says whose it is.
    std::string name = "/tmp/hn-" + std::to_string(::getpid()) + "-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
    (void)os::make_directory(root_, 0755);
  }
  ~TestFolders() { clean_up(); }
  TestFolders(const TestFolders&) = delete;
  TestFolders& operator=(const TestFolders&) = delete;

  const os::Path& root() const { return root_; }

  // Processes with our folder in their command line: postmasters.
  std::vector<pid_t> processes() const {
    std::vector<pid_t> pids;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      const std::string line = os::read_file(entry.path() / "cmdline").value_or("");
      const bool ours = line.find(root_.string() + "/") != std::string::npos;
      if (ours && std::stoi(name) != ::getpid()) pids.push_back(std::stoi(name));
    }
    return pids;
  }
  bool mounted() const {
    return os::read_file("/proc/mounts").value_or("").find(root_.string() + "/") !=
           std::string::npos;
  }
  // To quit first: a killed postmaster leaves its shared memory behind.
  void end_processes() const {
    for (int attempt = 0; attempt < 200; ++attempt) {
      const auto pids = processes();
      if (pids.empty()) return;
      for (const pid_t pid : pids) ::kill(pid, attempt < 100 ? SIGQUIT : SIGKILL);
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
  }

 private:
  explicit TestFolders(os::Path root) : root_(std::move(root)) {}

  static void clean_up_after_dead(const os::Path& root) {
    const std::string name = root.filename();
    const std::string pid = name.substr(3, name.find('-', 3) - 3);
    if (pid.empty() || pid.find_first_not_of("0123456789") != std::string::npos) return;
    if (::kill(std::stoi(pid), 0) != 0) TestFolders dead(root);
  }
  // A crash leaves them; without processes they are empty.
  void remove_control_groups() const {
    const auto id = os::folder_id_at(root_ / "data");
    if (!id || ::geteuid() != 0) return;
    const os::GroupTree tree = os::GroupTree::open("howdah-" + *id);
    for (const std::string& name : tree.names()) (void)tree.remove(name);
    tree.close();
  }
  void clean_up() const {
    end_processes();
    remove_control_groups();
    for (int attempt = 0; attempt < 50; ++attempt) {
      if (::umount2((root_ / "data" / "volume").c_str(), 0) != 0 && errno != EBUSY) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{50});
    }
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  os::Path root_;
};

class TestNode {
 public:
  static constexpr ByteCount kVolumeSize = 768_MiB;

  explicit TestNode(VolumeChoice volume, std::int64_t spares = 2) {
    config.data_dir = folders.root() / "data";
    config.runtime_dir = folders.root() / "run";
    config.uid_lease_file = folders.root() / "uids.json";
    // Users that every machine has, in the place of howdah and howdah-gate.
    config.control_user = "nobody";
    config.gate_user = "daemon";
    config.volume = volume;
    if (volume == VolumeChoice::btrfs) config.volume_size = kVolumeSize;
    config.spares = spares;
    config.size_class = "nano";
    config.adoption_grace = milliseconds{0};
  }
  ~TestNode() {
    // As a crash would: the folders' destructor ends what is left.
    if (service_) (void)leave();
  }

  Result<void> start() {
    HOWDAH_TRY(auto environment, open_environment(config));
    service_ = std::make_unique<NodeService>(io.get_executor(), std::move(environment));
    auto started = run(service_->start());
    if (!started) {
      run_plain(service_->abandon_start());
      service_.reset();
    }
    return started;
  }
  // Goes, and every instance runs on.
  bool leave() {
    run_plain(service_->leave());
    service_.reset();
    return true;
  }

  // Runs everything until the task has its result.
  template <typename T>
  Result<T> run(Task<T> task) {
    auto result = std::make_shared<std::optional<Result<T>>>();
    asio::co_spawn(io, std::move(task), [result](std::exception_ptr exception, Result<T> value) {
      if (exception) std::rethrow_exception(exception);
      *result = std::move(value);
    });
    wait_until([&] { return result->has_value(); });
    if (!*result) return fail(ErrorCode::timeout, "the test waited too long");
    return std::move(**result);
  }
  void run_plain(asio::awaitable<void> task) {
    bool done = false;
    asio::co_spawn(io, std::move(task), [&done](std::exception_ptr) { done = true; });
    wait_until([&] { return done; });
  }
  template <typename Condition>
  bool wait_until(Condition condition, milliseconds limit = milliseconds{60'000}) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() >= give_up) return false;
      if (io.stopped()) io.restart();
      io.run_one_for(milliseconds{10});
    }
    return true;
  }
  void run_for(milliseconds time) {
    wait_until([] { return false; }, time);
  }

  nodeapi::Client client() {
    return {io.get_executor(), (config.runtime_dir / "node.sock").string()};
  }
  Result<nodeapi::Instance> claim(const std::string& token) {
    nodeapi::ClaimRequest request;
    request.token = token;
    return claim(std::move(request));
  }
  Result<nodeapi::Instance> claim(nodeapi::ClaimRequest request) {
    auto node = client();
    return run(node.claim(std::move(request)));
  }
  Result<nodeapi::Instance> acquire(const InstanceId& id, std::int64_t ttl_s = 60) {
    auto node = client();
    return run(node.acquire(id, {"gate:1", "test", ttl_s}));
  }
  Result<void> release(const InstanceId& id) {
    auto node = client();
    return run(node.release(id, "gate:1"));
  }
  Result<nodeapi::Instance> show(const InstanceId& id) {
    auto node = client();
    return run(node.instance(id));
  }
  Result<nodeapi::Instance> stop(const InstanceId& id, bool force = false) {
    auto node = client();
    return run(node.stop(id, force));
  }
  Result<void> remove(const InstanceId& id, bool force = false) {
    auto node = client();
    return run(node.remove(id, force));
  }
  Result<nodeapi::NodeStatus> status() {
    auto node = client();
    return run(node.status());
  }
  bool wait_for_spares() {
    return wait_until([this] {
      const auto now = status();
      return now && now->spares_ready == config.spares;
    });
  }
  bool wait_for_state(const InstanceId& id, nodeapi::InstanceState state) {
    return wait_until(
        [&] {
          const auto now = show(id);
          return now && now->state == state;
        },
        milliseconds{15'000});
  }
  // One value, asked as howdah_admin.
  Result<std::string> sql(const std::string& socket_directory, std::string statement,
                          std::string database = "postgres") {
    pg::ConnectOptions options;
    options.socket_directory = socket_directory;
    options.user = instance::kAdminRole;
    options.database = std::move(database);
    return run(query(std::move(options), std::move(statement)));
  }
  os::Path directory_of(const InstanceId& id) const {
    return config.data_dir / "volume" / "instances" / id.str();
  }

  TestFolders folders;
  Config config;
  asio::io_context io{1};

 private:
  static Task<std::string> query(pg::ConnectOptions options, std::string statement) {
    HOWDAH_CO_TRY(auto connection, co_await pg::Connection::open(std::move(options)));
    HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(std::move(statement)));
    if (rows.empty()) co_return std::string();
    co_return rows.text(0, rows.columns().at(0));
  }

  std::unique_ptr<NodeService> service_;
};

}  // namespace howdah::node::testing
