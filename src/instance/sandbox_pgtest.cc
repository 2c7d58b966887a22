// SPDX-License-Identifier: Apache-2.0
// Instances behind the wall (os/sandbox.h): they work, and still one postmaster at most lives on a
// directory, whatever namespaces it and its rival are in.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "instance/test_instances.h"

namespace howdah::instance::testing {
namespace {

using ::testing::HasSubstr;

class WallTest : public InstanceTest {
 protected:
  void SetUp() override {
    if (!Instances::is_root()) GTEST_SKIP() << "needs root: not run";
    if (wall_) return;
    os::SandboxPlaces places;
    places.folder = all().folder() / "sandbox";
    places.name = "howdah-test-" + all().folder().filename().string();
    for (const auto& one : installations()) places.program_folders.push_back(one.bin_directory);
    places.user_names = {"root", Instances::gate_user()};
    wall_ = require(os::Sandbox::open(os::SandboxMode::automatic, places,
                                      {postgres().program("postgres").string(), "--version"}));
  }
  static void TearDownTestSuite() {
    if (wall_) wall_->release_others({});
    if (wall_) wall_->close();
    wall_.reset();
    InstanceTest::TearDownTestSuite();
  }

  StartRequest fenced() {
    StartRequest request = clone();
    request.sandbox = wall_.get();
    request.limits = group_limits(SizeClass::nano, 28, false);
    return request;
  }
  // A server on the same directory that nobody gave the lock to, with a socket of its own.
  std::optional<os::Process> rival(const StartRequest& request, const os::Path& sockets) {
    require(os::make_directory(sockets, 0700));
    require(os::change_owner(sockets, request.user->uid, request.user->gid));
    os::SpawnOptions options;
    options.arguments = {postgres().program("postgres").string(),
                         "-D",
                         request.place.data().string(),
                         "-c",
                         "config_file=" + (request.place.config() / "postgresql.conf").string(),
                         "-c",
                         "unix_socket_directories=" + sockets.string()};
    options.environment = {"PATH=/usr/bin:/bin"};
    options.user = request.user;
    return require(os::spawn(options));
  }
  bool answers_within(const StartRequest& request, milliseconds limit) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (std::chrono::steady_clock::now() < give_up) {
      if (all().ask(request, "SELECT 1")) return true;
      std::this_thread::sleep_for(milliseconds{20});
    }
    return false;
  }

  static inline std::unique_ptr<os::Sandbox> wall_;
};

HOWDAH_FOR_EACH_MAJOR(WallTest);

TEST_P(WallTest, an_instance_behind_it_starts_writes_and_stops_cleanly) {
  const StartRequest request = fenced();
  const auto process = require(all().start(request));
  EXPECT_EQ(require(all().ask(request, "SELECT 1", "tenant_template", std::string(kTemplateOwner))),
            "1")
      << "peer authentication knows the gate's user";
  require(all().ask(request, "CREATE TABLE public.t AS SELECT generate_series(1, 50000) a"));
  require(all().ask(request, "CREATE INDEX ON public.t (a)"));
  require(all().ask(request, "CHECKPOINT"));
  EXPECT_EQ(require(all().ask(request,
                              "SELECT to_char(timestamptz 'epoch' AT TIME ZONE "
                              "'Europe/Berlin', 'HH24')")),
            "01")
      << "time zones are read from the system";
  EXPECT_EQ(require(all().run(process->stop())).way, StopWay::clean);
  EXPECT_TRUE(lock_is_free(request));
}

TEST_P(WallTest, parallel_queries_and_statistics_work_behind_it) {
  const StartRequest request = fenced();
  const auto process = require(all().start(request));
  require(all().ask(request, "CREATE TABLE public.t AS SELECT generate_series(1, 200000) a"));
  for (const char* setting :
       {"min_parallel_table_scan_size", "parallel_setup_cost", "parallel_tuple_cost"}) {
    require(all().ask(request, fmt::format("ALTER ROLE {} SET {} = 0", kAdminRole, setting)));
  }
  EXPECT_THAT(
      require(all().ask(request, "EXPLAIN (ANALYZE, FORMAT JSON) SELECT sum(a) FROM public.t")),
      HasSubstr("\"Workers Launched\": 1"));
  EXPECT_EQ(require(all().ask(request, "SELECT sum(a) FROM public.t")), "20000100000");
  // The collector of 13 and 14 hears of it over the loopback.
  EXPECT_TRUE(answers_within(request, milliseconds{1'000}));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  std::string rows;
  while (rows != "200000" && std::chrono::steady_clock::now() < give_up) {
    rows = require(
        all().ask(request, "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 't'"));
    std::this_thread::sleep_for(milliseconds{50});
  }
  EXPECT_EQ(rows, "200000");
}

TEST_P(WallTest, an_agent_adopts_an_instance_behind_it_and_ends_it_after_a_crash) {
  const StartRequest request = fenced();
  auto process = require(all().start(request));
  const pid_t pid = process->pid();
  process.reset();
  process = require(all().run(InstanceProcess::adopt(all().pool(), request.place, request.user)));
  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid(), pid);
  require(all().run(process->kill()));
  process = require(all().start(request));
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1");
}

// Each way of starting the first and the second, also when the first's pid file is gone: whoever
// became the instance's user can remove it.
TEST_P(WallTest, with_the_lock_a_second_postmaster_is_refused_in_every_combination) {
  for (const bool first_fenced : {true, false}) {
    StartRequest first = fenced();
    if (!first_fenced) first.sandbox = nullptr;
    const auto process = require(all().start(first));
    for (const bool pid_file : {true, false}) {
      if (!pid_file) std::filesystem::remove(first.place.data() / "postmaster.pid");
      for (const bool second_fenced : {true, false}) {
        StartRequest second = first;
        second.sandbox = second_fenced ? wall_.get() : nullptr;
        second.deadline = milliseconds{20'000};
        const auto started = all().start(second);
        if (pid_file) {
          ASSERT_FALSE(started);
          EXPECT_EQ(started.error().code, ErrorCode::conflict);
        } else {
          // A server without a pid file cannot be told from what outlived it: it is ended first.
          EXPECT_TRUE(!started || !process->running())
              << first_fenced << second_fenced << ": two postmasters";
        }
        if (started) require(all().run((*started)->kill()));
      }
    }
    (void)all().run(process->kill());
  }
}

TEST_P(WallTest, control_without_the_lock_a_second_one_answers_beside_an_instance_behind_it) {
  const StartRequest request = fenced();
  const auto process = require(all().start(request));
  std::filesystem::remove(request.place.data() / "postmaster.pid");
  StartRequest seen = request;
  seen.place.socket_directory = all().folder() / ("rival" + std::to_string(postgres().major));
  auto other = rival(request, seen.place.socket_directory);
  EXPECT_TRUE(answers_within(seen, milliseconds{20'000}));
  EXPECT_TRUE(all().ask(request, "SELECT 1")) << "the first answers as well";
  (void)other->signal(SIGQUIT);
  while (!other->reap()) std::this_thread::sleep_for(milliseconds{5});
}

}  // namespace
}  // namespace howdah::instance::testing
