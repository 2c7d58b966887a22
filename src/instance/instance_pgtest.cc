// SPDX-License-Identifier: Apache-2.0
// Start, stop, adoption and the one-postmaster rule, with real servers.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "instance/control_file.h"
#include "instance/identity.h"
#include "instance/server_log.h"
#include "instance/test_instances.h"

namespace howdah::instance::testing {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename Condition>
bool eventually(Condition condition) {
  const auto begin = steady_clock::now();
  while (!condition()) {
    if (ms_since(begin) > 30'000) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

class ProcessTest : public InstanceTest {};
HOWDAH_FOR_EACH_MAJOR(ProcessTest);

TEST_P(ProcessTest, every_class_starts_and_answers) {
  for (const SizeClass one : {SizeClass::nano, SizeClass::small, SizeClass::medium,
                              SizeClass::large, SizeClass::custom}) {
    StartRequest request = clone();
    request.config.size_class = one;
    const auto process = require(all().start(request));
    EXPECT_EQ(require(all().ask(request, "SHOW fsync")), "on");
    EXPECT_EQ(require(all().ask(request, "SHOW full_page_writes")), "on");
    EXPECT_EQ(require(all().ask(request, "SHOW max_connections")),
              std::to_string(server_connections(one, request.config.max_connections)));
    EXPECT_EQ(require(all().run(process->stop())).way, StopWay::clean);
  }
}

TEST_P(ProcessTest, clean_stop_leaves_nothing_running) {
  const auto [request, process] = running();
  const auto report = require(all().run(process->stop()));
  EXPECT_EQ(report.way, StopWay::clean);
  EXPECT_EQ(report.exit_code, 0);
  EXPECT_TRUE(lock_is_free(request));
  EXPECT_FALSE(process->running());
  EXPECT_EQ(require(all().run(process->stop())).exit_code, 0) << "a second stop is harmless";
}

TEST_P(ProcessTest, a_second_postmaster_on_a_directory_is_refused) {
  const auto [request, process] = running();
  const auto second = all().start(request);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  EXPECT_TRUE(process->running());
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1");
}

// A program and what it started, for as long as the object lives.
class ForeignServer {
 public:
  explicit ForeignServer(const os::SpawnOptions& options) : process_(require(os::spawn(options))) {}
  ~ForeignServer() {
    std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", process_.pid()));
    for (pid_t child = 0; children >> child;) (void)::kill(child, SIGKILL);
    (void)process_.signal(SIGKILL);
    (void)eventually([this] { return process_.reap().has_value(); });
  }
  const os::Process& process() const { return process_; }

 private:
  os::Process process_;
};

// What the lock is for: PostgreSQL's own interlock sees neither pid nor shared memory of another
// namespace. The second server is started as a container would start it.
TEST_P(ProcessTest, control_without_the_lock_two_postmasters_answer_on_one_directory) {
  if (!Instances::is_root()) GTEST_SKIP() << "needs root for namespaces";
  const auto [request, process] = running();
  const os::Path socket = all().folder() / ("second" + std::to_string(postgres().major));
  require(os::make_directory(socket, 0700));
  require(os::change_owner(socket, request.user->uid, request.user->gid));
  os::SpawnOptions options;
  const std::string id = std::to_string(request.user->uid);
  options.arguments = {"/usr/bin/unshare",
                       "--pid",
                       "--ipc",
                       "--fork",
                       "--kill-child",
                       "/usr/bin/setpriv",
                       "--reuid",
                       id,
                       "--regid",
                       id,
                       "--clear-groups",
                       postgres().program("postgres").string(),
                       "-D",
                       request.place.data().string(),
                       "-c",
                       "config_file=" + (request.place.config() / "postgresql.conf").string(),
                       "-c",
                       "unix_socket_directories=" + socket.string()};
  options.environment = {"PATH=/usr/bin:/bin"};
  const ForeignServer second(options);
  StartRequest seen = request;
  seen.place.socket_directory = socket;
  EXPECT_TRUE(eventually([&] { return all().ask(seen, "SELECT 1").has_value(); }));
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1") << "the first answers as well";
}

TEST_P(ProcessTest, a_restarted_agent_adopts_what_runs) {
  auto [request, process] = running();
  const pid_t pid = process->pid();
  process.reset();
  const auto adopted =
      require(all().run(InstanceProcess::adopt(all().pool(), request.place, request.user)));
  ASSERT_TRUE(adopted);
  EXPECT_EQ(adopted->pid(), pid);
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1");
  EXPECT_EQ(require(all().run(adopted->stop())).way, StopWay::clean);
  EXPECT_TRUE(lock_is_free(request));
}

TEST_P(ProcessTest, a_stopped_instance_gives_nothing_to_adopt) {
  const StartRequest request = clone();
  EXPECT_FALSE(
      require(all().run(InstanceProcess::adopt(all().pool(), request.place, request.user))));
}

// Waits for the postmaster's end while it is killed by somebody else.
Task<ExitReport> kill_meanwhile(std::shared_ptr<InstanceProcess> process) {
  (void)::kill(process->pid(), SIGKILL);
  co_return co_await process->wait_exit();
}

TEST_P(ProcessTest, a_crash_is_seen_and_told_from_a_clean_stop) {
  const auto [request, process] = running();
  const auto report = require(all().run(kill_meanwhile(process)));
  EXPECT_EQ(report.way, StopWay::crashed);
  EXPECT_EQ(report.exit_code, 128 + SIGKILL);
}

TEST_P(ProcessTest, after_a_clean_stop_and_after_kill_9_it_starts_and_has_its_rows) {
  auto [request, process] = running();
  const std::string owner(kTemplateOwner);
  require(all().ask(request, "CREATE TABLE public.t AS SELECT generate_series(1, 1000)"));
  for (const bool clean : {true, false, true}) {
    require(all().run(clean ? process->stop() : process->kill()));
    EXPECT_TRUE(lock_is_free(request));
    process = require(all().start(request));
    EXPECT_EQ(require(all().ask(request, "SELECT 1", "tenant_template", owner)), "1");
    EXPECT_EQ(require(all().ask(request, "SELECT count(*) FROM public.t")), "1000");
  }
}

// A backend in a loop without system calls does not notice that its postmaster is dead.
Task<void> loop_for_ever(pg::ConnectOptions options) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
  co_return co_await connection.script("DO $$ BEGIN LOOP END LOOP; END $$", milliseconds{300});
}

TEST_P(ProcessTest, orphans_of_a_dead_postmaster_are_ended_before_a_start) {
  const auto [request, process] = running();
  EXPECT_EQ(all().run(loop_for_ever(admin_options(request.place))).error().code,
            ErrorCode::timeout);
  (void)::kill(process->pid(), SIGKILL);
  require(all().run(process->wait_exit()));
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(lock_is_free(request)) << "the looping backend lives on";
  const auto again = require(all().start(request));
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1");
}

TEST_P(ProcessTest, stop_ends_a_postmaster_that_does_not_react) {
  const auto [request, process] = running();
  require(all().ask(request, "CREATE TABLE public.t(a int)"));
  (void)::kill(process->pid(), SIGSTOP);
  const auto report = require(
      all().run(process->stop({.fast = milliseconds{100}, .immediate = milliseconds{100}})));
  EXPECT_EQ(report.way, StopWay::crashed);
  EXPECT_TRUE(lock_is_free(request));
}

// A process of the instance's user that is no server, with the pid of a leftover file.
os::SpawnOptions bystander(const StartRequest& request) {
  os::SpawnOptions options;
  options.arguments = {"/bin/sleep", "60"};
  options.user = request.user;
  return options;
}

TEST_P(ProcessTest, leftovers_whose_pid_was_reused_do_not_stop_a_start) {
  const StartRequest request = clone();
  const ForeignServer other(bystander(request));
  const std::string text =
      fmt::format("{}\n{}\n1700000000\n5432\n{}\n\n 1 1\nready   \n", other.process().pid(),
                  request.place.data().string(), request.place.socket_directory.string());
  require(os::make_directory(request.place.socket_directory, 0700));
  for (const os::Path& path : {request.place.data() / "postmaster.pid",
                               request.place.socket_directory / ".s.PGSQL.5432.lock"}) {
    std::ofstream(path) << text;
    if (request.user) require(os::change_owner(path, request.user->uid, request.user->gid));
  }
  // Control: PostgreSQL alone takes the bystander for a server.
  os::SpawnOptions plain;
  plain.arguments = {postgres().program("postgres").string(), "-D", request.place.data().string()};
  plain.user = request.user;
  EXPECT_THAT(require(os::run(plain, 10'000)).text, HasSubstr("already exists"));

  EXPECT_TRUE(all().start(request));
  EXPECT_TRUE(other.process().running()) << "the bystander is none of our business";
}

TEST_P(ProcessTest, a_leftover_file_that_says_ready_is_not_believed) {
  const auto [request, process] = running();
  require(all().run(process->kill()));
  ASSERT_THAT(*os::read_file(request.place.data() / "postmaster.pid"), HasSubstr("ready"));
  const auto again = require(all().start(request));
  // Ready means ready: the first attempt works.
  EXPECT_EQ(require(all().ask(request, "SELECT 1")), "1");
}

TEST_P(ProcessTest, a_server_that_was_started_by_hand_is_left_alone) {
  const StartRequest request = clone();
  require(write_config(request.place, request.config, request.user));
  require(os::make_directory(request.place.socket_directory, 0700));
  if (request.user) {
    require(os::change_owner(request.place.socket_directory, request.user->uid, request.user->gid));
  }
  os::SpawnOptions options;
  options.arguments = {postgres().program("postgres").string(), "-D", request.place.data().string(),
                       "-c",
                       "config_file=" + (request.place.config() / "postgresql.conf").string()};
  options.user = request.user;
  const ForeignServer by_hand(options);
  ASSERT_TRUE(eventually([&] { return all().ask(request, "SELECT 1").has_value(); }));
  const auto started = all().start(request);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::conflict);
  EXPECT_THAT(started.error().hint, HasSubstr(std::to_string(by_hand.process().pid())));
  EXPECT_TRUE(by_hand.process().running());
}

TEST_P(ProcessTest, a_start_that_fails_says_why_with_the_servers_words) {
  StartRequest request = clone();
  request.config.settings = {{"work_mem", "banana"}};
  const auto started = all().start(request);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::instance_failed);
  EXPECT_THAT(started.error().detail, HasSubstr("banana"));
  EXPECT_THAT(started.error().message, Not(HasSubstr("/")));
  EXPECT_TRUE(lock_is_free(request));
}

TEST_P(ProcessTest, a_start_that_takes_too_long_is_stopped_again) {
  StartRequest request = clone();
  request.deadline = milliseconds{1};
  const auto started = all().start(request);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::timeout);
  EXPECT_TRUE(lock_is_free(request));
  request.deadline = milliseconds{60'000};
  EXPECT_TRUE(all().start(request)) << "and does no harm";
}

TEST_P(ProcessTest, a_start_that_is_cancelled_leaves_nothing_running) {
  const StartRequest request = clone();
  const auto started = all().run(
      net::with_deadline(InstanceProcess::start(all().pool(), request), milliseconds{12}, "start"));
  ASSERT_FALSE(started);
  EXPECT_TRUE(eventually([&] { return lock_is_free(request); }));
}

TEST_P(ProcessTest, a_socket_path_that_is_too_long_is_refused_in_words) {
  StartRequest request = clone();
  request.place.socket_directory = all().folder() / std::string(100, 'x');
  EXPECT_EQ(all().start(request).error().code, ErrorCode::config_invalid);
}

TEST_P(ProcessTest, the_tenant_can_read_but_not_change_its_configuration) {
  const auto [request, process] = running();
  struct stat info{};
  for (const char* name : {"postgresql.conf", "pg_hba.conf", "pg_ident.conf"}) {
    ASSERT_EQ(::stat((request.place.config() / name).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, ::getuid());
    EXPECT_EQ(info.st_mode & 0777, Instances::is_root() ? 0640U : 0600U);
  }
  EXPECT_EQ(require(all().ask(request, "SHOW config_file")),
            (request.place.config() / "postgresql.conf").string());
}

TEST_P(ProcessTest, a_pipe_in_place_of_the_pid_file_does_not_block_the_agent) {
  const StartRequest request = clone();
  const os::Path path = request.place.data() / "postmaster.pid";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(detail::read_pid_file(request.place.data()));
  ASSERT_EQ(::unlink(path.c_str()), 0);
  ASSERT_EQ(::symlink("/etc/passwd", path.c_str()), 0);
  EXPECT_FALSE(detail::read_pid_file(request.place.data()));
}

TEST_P(ProcessTest, before_16_a_new_role_logs_in_once_its_line_is_in_force) {
  auto [request, process] = running();
  const std::string role = "app_user";
  request.config.roles.push_back(role);
  require(all().run(process->allow_role(request.config, role)));
  require(all().ask(request, "CREATE ROLE app_user LOGIN"));
  EXPECT_EQ(require(all().ask(request, "SELECT current_user", "postgres", role)), role);
}

TEST_P(ProcessTest, control_before_16_a_role_without_a_line_cannot_log_in) {
  const auto [request, process] = running();
  require(all().ask(request, "CREATE ROLE app_user LOGIN"));
  const bool logged_in = all().ask(request, "SELECT 1", "postgres", "app_user").has_value();
  EXPECT_EQ(logged_in, postgres().major >= 16);
}

TEST_P(ProcessTest, a_forged_pid_file_never_leads_to_another_process) {
  auto [request, process] = running();
  const ForeignServer other(bystander(request));
  std::ofstream(request.place.data() / "postmaster.pid")
      << fmt::format("{}\n\n\n\n\n\n\nready   \n", other.process().pid());
  process.reset();
  const auto adopted =
      require(all().run(InstanceProcess::adopt(all().pool(), request.place, request.user)));
  EXPECT_FALSE(adopted);
  EXPECT_TRUE(other.process().running());
  EXPECT_TRUE(lock_is_free(request)) << "what cannot be told apart was ended";
}

// Of one instance, in kB: what it does not share with other instances.
std::int64_t private_memory_kb(pid_t pid) {
  std::int64_t sum = 0;
  std::ifstream rollup(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Pss_Anon:") || line.starts_with("Pss_Shmem:")) {
      sum += std::stoll(line.substr(line.find(':') + 1));
    }
  }
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pid));
  for (pid_t child = 0; children >> child;) sum += private_memory_kb(child);
  return sum;
}

TEST_P(ProcessTest, an_idle_instance_of_the_smallest_class_needs_little_memory) {
  StartRequest request = clone();
  request.config.size_class = SizeClass::nano;
  const auto process = require(all().start(request));
  require(all().ask(request, "SELECT count(*) FROM pg_class", "tenant_template"));
  std::this_thread::sleep_for(milliseconds(500));
  const auto memory_kb = private_memory_kb(process->pid());
  fmt::print("pg{}: idle nano instance, memory of its own {} kB\n", postgres().major, memory_kb);
  // The rest up to the 6.5 MB of the target are program pages, which all instances share.
  if (postgres().major == 15) EXPECT_LT(memory_kb, 5'700);
}

}  // namespace
}  // namespace howdah::instance::testing
