// SPDX-License-Identifier: Apache-2.0
#include "os/sandbox.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "os/landlock.h"
#include "os/mount.h"
#include "os/process.h"

namespace howdah::os {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr UserIds kUser{1'000'000'777, 1'000'000'777};

// One sandbox in a folder of its own, and a folder of the program's and one of somebody else's.
class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/hs-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    ASSERT_TRUE(make_directory(folder_, 0755));
    ASSERT_TRUE(make_directory(folder_ / "own", 0755));
    ASSERT_TRUE(make_directory(folder_ / "other", 0755));
    ASSERT_TRUE(write_file_atomic(folder_ / "other" / "file", "neighbour", 0644));
    if (root()) ASSERT_TRUE(change_owner(folder_ / "own", kUser.uid, kUser.gid));
    auto sandbox = Sandbox::open(SandboxMode::automatic,
                                 {.folder = folder_ / "sandbox",
                                  .name = "howdah-test-" + folder_.filename().string(),
                                  .program_folders = {},
                                  .user_names = {"root", "daemon"}},
                                 {"/bin/true"});
    ASSERT_TRUE(sandbox) << sandbox.error().to_log();
    sandbox_ = std::move(*sandbox);
  }
  void TearDown() override {
    if (sandbox_) {
      sandbox_->release_others({});
      sandbox_->close();
    }
    (void)remove_tree(folder_);
  }

  static bool root() { return ::geteuid() == 0; }

  ConfineRequest request() const {
    return {.name = "one", .read_only = {}, .writable = {folder_ / "own"}, .limits = {}};
  }
  SpawnOptions shell(std::string script) const {
    SpawnOptions options;
    options.arguments = {"/bin/sh", "-c", std::move(script)};
    options.environment = {"PATH=/usr/bin:/bin", "OWN=" + (folder_ / "own").string(),
                           "OTHER=" + (folder_ / "other").string()};
    if (root()) options.user = kUser;
    return options;
  }
  // What the script prints inside; afterwards nothing of it is left.
  std::string inside(std::string script, GroupLimits limits = {}) {
    ConfineRequest wanted = request();
    wanted.limits = limits;
    const auto confinement = sandbox_->confine(wanted);
    if (!confinement) return confinement.error().to_log();
    SpawnOptions options = shell(std::move(script));
    options.confinement = &*confinement;
    const std::string text = outcome(std::move(options));
    EXPECT_TRUE(sandbox_->release("one"));
    return text;
  }
  std::string outside(std::string script) const { return outcome(shell(std::move(script))); }

  static std::string outcome(SpawnOptions options) {
    const auto output = run(std::move(options), 20'000);
    return output ? output->text : output.error().to_log();
  }

  Path folder_;
  std::unique_ptr<Sandbox> sandbox_;
};

TEST_F(SandboxTest, own_folder_is_writable_and_a_neighbours_file_is_out_of_reach) {
  const std::string read = "echo kept > $OWN/file; cat $OWN/file; cat $OTHER/file";
  EXPECT_THAT(outside(read), HasSubstr("neighbour")) << "the control";
  const std::string text = inside(read);
  EXPECT_THAT(text, HasSubstr("kept"));
  EXPECT_THAT(text, Not(HasSubstr("neighbour")));
}

TEST_F(SandboxTest, the_host_is_not_seen_and_the_system_cannot_be_changed) {
  if (!root()) GTEST_SKIP() << "needs root";
  const std::string text =
      inside("ls / /etc; id -un 0; getent passwd 1; touch /usr/x /etc/x; ls /tmp");
  EXPECT_THAT(text, HasSubstr("usr"));
  EXPECT_THAT(text, HasSubstr("daemon")) << "peer authentication looks users up";
  EXPECT_THAT(text, Not(HasSubstr("shadow")));
  EXPECT_THAT(text, Not(HasSubstr("root\nrun"))) << "no folder of the host's";
  EXPECT_THAT(text, Not(HasSubstr("home")));
}

TEST_F(SandboxTest, programs_in_its_own_folder_do_not_run) {
  if (!root()) GTEST_SKIP() << "needs root";
  const std::string script = "cp /bin/echo $OWN/copy && chmod 755 $OWN/copy; $OWN/copy it runs";
  EXPECT_THAT(outside(script), HasSubstr("it runs\n")) << "the control";
  EXPECT_THAT(inside(script), Not(HasSubstr("it runs\n")));
}

TEST_F(SandboxTest, there_is_a_loopback_and_no_other_network) {
  if (!root()) GTEST_SKIP() << "needs root";
  const std::string text = inside("cat /sys/class/net/*/address; cat /proc/self/net/dev");
  EXPECT_THAT(text, Not(HasSubstr("eth")));
  const std::string perl =
      "perl -MIO::Socket::INET -e '"
      "$s = IO::Socket::INET->new(Listen=>1, LocalAddr=>\"127.0.0.1\", Proto=>\"tcp\");"
      "$u = IO::Socket::INET->new(Proto=>\"udp\", LocalAddr=>\"127.0.0.1\");"
      "print $s ? \"tcp\" : \"no tcp\", $u ? \" udp\" : \" no udp\"'";
  EXPECT_EQ(outside(perl), "tcp udp") << "the control";
  EXPECT_THAT(inside(perl), HasSubstr(" udp")) << "PostgreSQL 13 and 14 talk to themselves over it";
  if (landlock_version() >= 4) EXPECT_THAT(inside(perl), HasSubstr("no tcp"));
}

TEST_F(SandboxTest, dangerous_system_calls_fail) {
  EXPECT_THAT(inside("unshare -U true; unshare -m true"), HasSubstr("not permitted"));
  const std::string keys = "perl -e 'print syscall(250, 0, -3, 1) < 0 ? \"refused\" : \"a key\"'";
#if defined(__x86_64__)
  EXPECT_EQ(outside(keys), "a key") << "the control";
  EXPECT_EQ(inside(keys), "refused");
#endif
}

TEST_F(SandboxTest, no_capability_is_left_to_gain) {
  if (!root()) GTEST_SKIP() << "needs root";
  const std::string text = inside("grep -E 'Cap|NoNew|Seccomp:' /proc/self/status");
  EXPECT_THAT(text, HasSubstr("CapBnd:\t0000000000000000"));
  EXPECT_THAT(text, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(text, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(text, HasSubstr("Seccomp:\t2"));
}

TEST_F(SandboxTest, processes_and_memory_of_a_group_have_a_maximum) {
  if (!root()) GTEST_SKIP() << "needs root";
  for (const std::string& line : sandbox_->degraded()) {
    if (line.starts_with("sandbox: control groups")) GTEST_SKIP() << line;
  }
  const std::string herd = "for i in $(seq 40); do sleep 1 & done; wait; echo all";
  EXPECT_THAT(outside(herd), HasSubstr("all")) << "the control";
  GroupLimits few;
  few.processes_max = 20;
  EXPECT_THAT(inside(herd, few), HasSubstr("fork"));
  const std::string greedy = "perl -e '$x = \"x\" x 200_000_000; print \"had \", length $x'";
  EXPECT_THAT(outside(greedy), HasSubstr("had 200000000")) << "the control";
  GroupLimits little;
  little.memory_max = 64_MiB;
  EXPECT_THAT(inside(greedy, little), Not(HasSubstr("had")));
}

TEST_F(SandboxTest, release_ends_what_a_program_left_behind) {
  if (!root()) GTEST_SKIP() << "needs root";
  for (const std::string& line : sandbox_->degraded()) {
    if (line.starts_with("sandbox: control groups")) GTEST_SKIP() << line;
  }
  const auto confinement = sandbox_->confine(request());
  ASSERT_TRUE(confinement) << confinement.error().to_log();
  SpawnOptions options = shell("setsid sleep 1000 & setsid sleep 1000 & exec true");
  options.confinement = &*confinement;
  auto process = spawn(options);
  ASSERT_TRUE(process) << process.error().to_log();
  while (!process->reap()) ::usleep(1'000);
  const std::string ours = "ps -eo uid,args | grep '^ *1000000777 sleep' | wc -l";
  EXPECT_EQ(outside(ours), "2\n");
  EXPECT_TRUE(sandbox_->release("one"));
  EXPECT_EQ(outside(ours), "0\n");
}

// On a machine that has both versions, the second one's hierarchy often has no controller.
TEST_F(SandboxTest, a_program_is_born_in_its_group_of_version_2) {
  if (!root()) GTEST_SKIP() << "needs root";
  const auto mounts = mounted_file_systems();
  ASSERT_TRUE(mounts);
  const auto two = std::ranges::find(*mounts, "cgroup2", &MountEntry::type);
  if (two == mounts->end()) GTEST_SKIP() << "no hierarchy of version 2: not run";
  const Path folder = two->mount_point / ("howdah-test-" + folder_.filename().string());
  ASSERT_TRUE(make_directory(folder, 0755));
  const GroupTree tree({GroupHierarchy{folder, {}, true}});
  Confinement confinement;
  const auto created = tree.create("one", {}, confinement);
  ASSERT_TRUE(created) << created.error().to_log();
  SpawnOptions options =
      shell("cat /proc/self/cgroup; setsid sleep 1000 >/dev/null 2>&1 & exec true");
  options.confinement = &confinement;
  EXPECT_THAT(outcome(std::move(options)),
              HasSubstr("0::/" + folder.filename().string() + "/one\n"));
  EXPECT_EQ(tree.names(), std::vector<std::string>{"one"});
  EXPECT_TRUE(tree.remove("one")) << "with a process in it";
  tree.close();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(SandboxTest, a_delegated_group_is_told_from_one_that_is_not) {
  // A folder stands for the hierarchy: what is looked at are a file and an attribute.
  if (!root()) GTEST_SKIP() << "needs root";
  const Path hierarchy = folder_ / "unified";
  const Path unit = hierarchy / "system.slice/howdah.service";
  std::filesystem::create_directories(unit / "daemons");
  ASSERT_TRUE(write_file_atomic(hierarchy / "cgroup.controllers", "cpuset cpu io memory pids\n"));
  const auto place = [&](const std::string& own) {
    const auto found = find_hierarchies(
        {"41 31 0:38 / " + hierarchy.string() + " rw - cgroup2 cgroup2 rw\n", "0::" + own + "\n"},
        "howdah-1");
    EXPECT_EQ(found.size(), 1U);
    EXPECT_EQ(found.at(0).controllers, (std::vector<std::string>{"memory", "cpu", "pids", "io"}));
    return found.at(0).folder;
  };
  EXPECT_EQ(place("/system.slice/howdah.service"), hierarchy / "howdah-1");
  ASSERT_EQ(::setxattr(unit.c_str(), "trusted.delegate", "1", 1, 0), 0);
  EXPECT_EQ(place("/system.slice/howdah.service"), unit / "howdah-1");
  EXPECT_EQ(place("/system.slice/howdah.service/daemons"), unit / "howdah-1") << "after a restart";
  EXPECT_EQ(place("/"), hierarchy / "howdah-1");
}

TEST_F(SandboxTest, without_it_nothing_is_confined_and_that_is_said) {
  auto off = Sandbox::open(SandboxMode::off, {.folder = folder_ / "off"}, {"/bin/true"});
  ASSERT_TRUE(off);
  ASSERT_EQ((*off)->degraded().size(), 1U);
  EXPECT_THAT((*off)->degraded()[0], HasSubstr("switched off"));
  sandbox_->close();
  sandbox_ = std::move(*off);
  EXPECT_THAT(inside("cat $OTHER/file"), HasSubstr("neighbour"));
}

TEST_F(SandboxTest, a_part_that_does_not_work_is_left_out_and_named) {
  // A program that is content with nothing stands for a machine that gives nothing.
  auto poor =
      Sandbox::open(SandboxMode::automatic,
                    {.folder = folder_ / "poor", .name = "howdah-test-poor"}, {"/bin/false"});
  ASSERT_TRUE(poor);
  EXPECT_THAT((*poor)->degraded(), ::testing::Contains(HasSubstr("Landlock")));
  EXPECT_THAT((*poor)->degraded(), ::testing::Contains(HasSubstr("system calls")));
  (*poor)->close();
  const auto required =
      Sandbox::open(SandboxMode::required, {.folder = folder_ / "poor", .name = "howdah-test-poor"},
                    {"/bin/false"});
  ASSERT_FALSE(required);
  EXPECT_EQ(required.error().code, ErrorCode::unsupported);
  EXPECT_THAT(required.error().hint, HasSubstr("--sandbox auto"));
}

}  // namespace
}  // namespace howdah::os
