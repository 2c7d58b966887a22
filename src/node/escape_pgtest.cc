// SPDX-License-Identifier: Apache-2.0
// T10, the operating system's half: whoever became the OS user of an instance is behind a wall. The
// probes (test_escape.h) are run by the instance's own postmaster, and as a control by the same
// user of the host without the wall.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "node/test_escape.h"
#include "node/test_node.h"
#include "os/landlock.h"

namespace howdah::node {
namespace {

using testing::TestNode;

// Name of the probe -> whether it got through.
using Outcome = std::map<std::string, bool>;

Outcome parse_outcome(const std::string& text) {
  Outcome outcome;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t bar = line.find('|');
    if (bar != std::string::npos) outcome[line.substr(0, bar)] = line.substr(bar + 1) == "REACHED";
  }
  return outcome;
}

std::uint16_t bind_loopback(const os::UniqueFd& fd) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return 0;
  (void)::listen(fd.get(), 8);
  (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// What stands on the host for the probes to reach.
class Targets {
 public:
  explicit Targets(os::UserIds user) : mark_("howdah-probe-" + std::to_string(::getpid())) {
    tcp_ = os::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    udp_ = os::UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    tcp_port_ = bind_loopback(tcp_);
    udp_port_ = bind_loopback(udp_);
    abstract_ = os::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    mark_.copy(&address.sun_path[1], sizeof address.sun_path - 1);
    (void)::bind(abstract_.get(), reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(sizeof address.sun_family + 1 + mark_.size()));
    (void)::listen(abstract_.get(), 8);
    segment_ = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
    void* const memory = ::shmat(segment_, nullptr, 0);
    mark_.copy(static_cast<char*>(memory), mark_.size());
    (void)::shmdt(memory);
    for (const std::string& path : {"/dev/shm/" + mark_, "/tmp/" + mark_}) {
      (void)os::write_file_atomic(path, "shared", 0644);
    }
    os::SpawnOptions options;
    options.arguments = {"/bin/sleep", "1000"};
    options.user = user;
    auto process = os::spawn(options);
    if (process) same_user_.emplace(std::move(*process));
  }
  ~Targets() {
    (void)::shmctl(segment_, IPC_RMID, nullptr);
    for (const std::string& path : {"/dev/shm/" + mark_, "/tmp/" + mark_}) {
      (void)os::remove_tree(path);
    }
    if (same_user_) {
      (void)same_user_->signal(SIGKILL);
      while (!same_user_->reap()) std::this_thread::sleep_for(milliseconds{1});
    }
  }
  Targets(const Targets&) = delete;
  Targets& operator=(const Targets&) = delete;

  std::vector<std::string> arguments() const {
    return {"tcp=" + std::to_string(tcp_port_),
            "udp=" + std::to_string(udp_port_),
            "abstract=" + mark_,
            "shm=" + mark_,
            "segment=" + std::to_string(segment_),
            "tmp_marker=/tmp/" + mark_,
            "same_user=" + std::to_string(same_user_ ? same_user_->pid() : 0)};
  }

 private:
  std::string mark_;
  os::UniqueFd tcp_, udp_, abstract_;
  std::uint16_t tcp_port_ = 0, udp_port_ = 0;
  int segment_ = -1;
  std::optional<os::Process> same_user_;
};

class EscapeTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "the probes name system calls of x86-64: not run";
#endif
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    ASSERT_TRUE(node_.start());
    const auto one = node_.claim("one");
    const auto other = node_.claim("other");
    ASSERT_TRUE(one && other);
    one_ = *one;
    const os::Path other_directory = node_.directory_of(other->id);
    ASSERT_TRUE(os::write_file_atomic(other_directory / "marker", "neighbour", 0644));
    ASSERT_TRUE(os::make_directory(node_.config.data_dir / "secrets", 0700));
    uid_ = read_manifest(node_.directory_of(one_.id))->uid;
    const os::Path data = node_.directory_of(one_.id) / "data";
    char host_name[256] = {};
    (void)::gethostname(host_name, sizeof host_name - 1);
    arguments_ = {"data=" + data.string(),
                  "directory=" + data.parent_path().string(),
                  "instances=" + other_directory.parent_path().string(),
                  "other_directory=" + other_directory.string(),
                  "other_data=" + (other_directory / "data").string(),
                  "other_sockets=" + other->socket_directory,
                  "other_pid=" + std::to_string(*other->pid),
                  "marker=marker",
                  "api_socket=" + (node_.config.runtime_dir / "node.sock").string(),
                  "catalog=" + (node_.config.data_dir / "catalog").string(),
                  "catalog_sockets=" + node_.status()->catalog_socket_directory,
                  "data_dir=" + node_.config.data_dir.string(),
                  "agent=" + std::to_string(::getpid()),
                  "host_name=" + std::string(host_name)};
    ASSERT_TRUE(os::write_file_atomic(data / "probes.pl", kProbes, 0644));
    ASSERT_TRUE(os::change_owner(data / "probes.pl", uid_, uid_));
  }

  std::vector<std::string> command(const Targets& targets) const {
    std::vector<std::string> words{"/usr/bin/perl",
                                   (node_.directory_of(one_.id) / "data/probes.pl").string()};
    words.insert(words.end(), arguments_.begin(), arguments_.end());
    const auto more = targets.arguments();
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Outcome behind_the_wall(const Targets& targets) {
    std::string line;
    for (const std::string& word : command(targets)) line += "\"" + word + "\" ";
    const std::string& sockets = one_.socket_directory;
    EXPECT_TRUE(node_.sql(sockets, "CREATE TABLE public.probes (line text)"));
    const auto copied = node_.sql(sockets, "COPY public.probes FROM PROGRAM '" + line + "2>&1'");
    EXPECT_TRUE(copied) << copied.error().to_log();
    return parse_outcome(
        node_.sql(sockets, "SELECT string_agg(line, chr(10)) FROM public.probes").value_or(""));
  }
  Outcome without_it(const Targets& targets) const {
    os::SpawnOptions options;
    options.arguments = command(targets);
    options.environment = {"PATH=/usr/bin:/bin"};
    options.user = os::UserIds{uid_, uid_};
    const auto output = os::run(options, 60'000);
    EXPECT_TRUE(output);
    return parse_outcome(output ? output->text : "");
  }

  static constexpr const char* kProbes = testing::kEscapeProbes;
  TestNode node_{VolumeChoice::btrfs, 0};
  nodeapi::Instance one_;
  uid_t uid_ = 0;
  std::vector<std::string> arguments_;
};

// What even a user without rights of its own reaches on every host: without these the wall would
// have been tried on nothing. Most hosts give more (user namespaces, io_uring, tracing).
const std::vector<std::string> kControls{
    "know that another instance exists",
    "read a world-readable file of another",
    "see the agent's socket",
    "read the host's users",
    "know the host's name",
    "list the host's /tmp",
    "list /run",
    "read the kernel's settings",
    "see /sys",
    "see the agent's process",
    "read the agent's arguments",
    "see another's postmaster",
    "signal a process of the same user",
    "connect to a TCP port of the host",
    "send a datagram to the host",
    "listen on a TCP port",
    "connect to an abstract socket of the host",
    "attach a segment of the machine",
    "open shared memory of the machine",
    "run a program from its own folder",
    "use a keyring",
    "add a key",
    "make a setuid file that works",
    "change its personality",
};

TEST_F(EscapeTest, nothing_of_the_host_and_of_others_is_reached_as_the_instances_own_user) {
  ASSERT_THAT(node_.status()->degraded, ::testing::IsEmpty())
      << "this machine has not the whole wall";
  const Targets targets({uid_, uid_});
  const Outcome inside = behind_the_wall(targets);
  const Outcome outside = without_it(targets);
  EXPECT_GE(inside.size(), 60U);
  const int landlock = os::landlock_version();
  for (const auto& [name, reached] : inside) {
    // Older kernels leave these, which reach nobody else's: there is no other with its user, and
    // what listens is on its own loopback.
    if (landlock < 4 && name == "listen on a TCP port") continue;
    if (landlock < 6 && name == "signal a process of the same user") continue;
    EXPECT_EQ(reached, name == "own data") << name;
    EXPECT_TRUE(outside.contains(name)) << name;
  }
  for (const std::string& name : kControls) {
    EXPECT_TRUE(outside.contains(name) && outside.at(name)) << "the control: " << name;
  }
  EXPECT_GE(std::ranges::count_if(outside, &Outcome::value_type::second), 25);
  if (std::getenv("HOWDAH_TEST_TABLE") == nullptr) return;
  for (const auto& [name, reached] : inside) {
    std::printf("| %s | %s | %s |\n", name.c_str(), reached ? "reached" : "refused",
                outside.at(name) ? "reached" : "refused");
  }
}

}  // namespace
}  // namespace howdah::node
