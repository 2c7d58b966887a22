// SPDX-License-Identifier: Apache-2.0
#include "instance/instance_process.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>

#include "instance/control_file.h"
#include "instance/detail/directory_watch.h"
#include "instance/detail/instance_lock.h"
#include "instance/detail/launch.h"
#include "instance/server_log.h"
#include "net/process_end.h"
#include "pg/platform_session.h"

namespace howdah::instance {
namespace {

using std::chrono::steady_clock;

// PostgreSQL reports readiness by writing postmaster.pid, which the watch sees at once; this only
// bounds how late the end of a postmaster that never wrote the file is noticed.
constexpr milliseconds kReadyCheckInterval{20};
constexpr milliseconds kKillLimit{10'000};
constexpr milliseconds kProbeInterval{2};

milliseconds left_until(steady_clock::time_point time) {
  return std::chrono::ceil<milliseconds>(time - steady_clock::now());
}

uid_t uid_of(const std::optional<os::UserIds>& user) {
  return user ? user->uid : ::getuid();
}

// Ends a postmaster whose start is cancelled: then no coroutine is left that could.
class StartGuard {
 public:
  explicit StartGuard(os::Process& postmaster) : postmaster_(&postmaster) {}
  StartGuard(const StartGuard&) = delete;
  StartGuard& operator=(const StartGuard&) = delete;
  ~StartGuard() {
    if (postmaster_ == nullptr) return;
    constexpr int kReapLimitMs = 1'000;
    (void)postmaster_->signal(SIGKILL);
    pollfd poll_fd{postmaster_->pidfd(), POLLIN, 0};
    (void)::poll(&poll_fd, 1, kReapLimitMs);
    (void)postmaster_->reap();
  }
  void dismiss() { postmaster_ = nullptr; }

 private:
  os::Process* postmaster_;
};

}  // namespace

InstanceProcess::InstanceProcess(asio::thread_pool& pool, InstancePlace place,
                                 std::optional<os::UserIds> user, os::Process process)
    : pool_(pool), place_(std::move(place)), user_(user), process_(std::move(process)) {}

InstanceProcess::~InstanceProcess() = default;

Task<std::shared_ptr<InstanceProcess>> InstanceProcess::start(asio::thread_pool& pool,
                                                              StartRequest request) {
  const auto give_up = steady_clock::now() + request.deadline;
  HOWDAH_CO_TRY(detail::Launch launch,
                co_await net::offload(pool, [&request] { return detail::launch(request); }));
  std::shared_ptr<InstanceProcess> process(
      new InstanceProcess(pool, request.place, request.user, std::move(launch.postmaster)));
  StartGuard guard(process->process_);
  auto ready = co_await process->wait_ready(left_until(give_up), launch.stale_pid_file_ns);
  if (!ready) {
    const auto exit = co_await process->kill();
    const auto code = exit ? exit->exit_code : std::nullopt;
    ready.error().detail = fmt::format("exit code {}; the server's log: {}", code.value_or(-1),
                                       last_log_lines(request.place.log(), launch.log_begin_bytes));
    guard.dismiss();
    co_return std::unexpected(std::move(ready).error());
  }
  guard.dismiss();
  co_return process;
}

Task<std::shared_ptr<InstanceProcess>> InstanceProcess::adopt(asio::thread_pool& pool,
                                                              InstancePlace place,
                                                              std::optional<os::UserIds> user,
                                                              milliseconds deadline) {
  HOWDAH_CO_TRY(detail::Occupant occupant, co_await net::offload(pool, [&place, &user] {
                  return detail::find_occupant(place, uid_of(user));
                }));
  if (!occupant.postmaster) co_return nullptr;
  std::shared_ptr<InstanceProcess> process(
      new InstanceProcess(pool, std::move(place), user, std::move(*occupant.postmaster)));
  auto ready = co_await process->wait_ready(deadline, std::nullopt);
  if (!ready) {
    // The agent before this one may have begun to stop it.
    const bool ended = !process->running();
    HOWDAH_CO_CHECK(co_await process->kill());
    if (ended) co_return nullptr;
    ready.error().detail = last_log_lines(process->place_.log());
    co_return std::unexpected(std::move(ready).error());
  }
  co_return process;
}

Task<void> InstanceProcess::wait_ready(milliseconds deadline,
                                       std::optional<std::int64_t> stale_pid_file_ns) {
  const auto give_up = steady_clock::now() + deadline;
  detail::DirectoryWatch watch(co_await asio::this_coro::executor, place_.data());
  while (true) {
    const auto file = detail::read_pid_file(place_.data());
    if (file && file->ready && file->pid == process_.pid() &&
        file->changed_ns != stale_pid_file_ns) {
      co_return Result<void>{};
    }
    if (!process_.running()) {
      co_return fail(ErrorCode::instance_failed, "the instance ended while it started",
                     "the server log beside its data directory says why");
    }
    const milliseconds left = left_until(give_up);
    if (left <= milliseconds{0}) {
      co_return fail(ErrorCode::timeout,
                     fmt::format("the instance was not ready within {} ms and was stopped again",
                                 deadline.count()));
    }
    co_await watch.wait(std::min(left, kReadyCheckInterval));
  }
}

ExitReport InstanceProcess::report() {
  if (!exit_code_) exit_code_ = process_.reap();
  const auto control = read_control_file(place_.data());
  return ExitReport{exit_code_, control && control->shut_down ? StopWay::clean : StopWay::crashed};
}

Task<ExitReport> InstanceProcess::wait_exit() {
  co_await net::process_end(process_);
  co_return report();
}

Task<ExitReport> InstanceProcess::stop(StopLimits limits) {
  (void)process_.signal(SIGINT);
  if (!co_await net::process_end(process_, limits.fast)) {
    (void)process_.signal(SIGQUIT);
    (void)co_await net::process_end(process_, limits.immediate);
  }
  co_return co_await finish();
}

Task<ExitReport> InstanceProcess::kill() {
  (void)process_.signal(SIGKILL);
  co_return co_await finish();
}

Task<ExitReport> InstanceProcess::finish() {
  // Holders of the lock are the postmaster, when it is still there, and children that outlived it.
  const auto killed = co_await net::offload(
      pool_, std::bind_front(&detail::kill_holders, place_, std::vector<uid_t>{uid_of(user_)}));
  if (!killed) co_return std::unexpected(killed.error());
  // The lock is free a moment before the process can be reaped.
  if (!co_await net::process_end(process_, kKillLimit)) {
    co_return fail(ErrorCode::timeout, "the instance's postmaster does not end");
  }
  co_return report();
}

Task<void> InstanceProcess::reload(InstanceConfig config) {
  HOWDAH_CO_CHECK(co_await net::offload(
      pool_, [this, &config] { return write_config(place_, config, user_); }));
  co_return process_.signal(SIGHUP);
}

Task<void> InstanceProcess::allow_role(InstanceConfig config, std::string role,
                                       milliseconds deadline) {
  if (config.pg_major >= 16) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await reload(config));
  const auto give_up = steady_clock::now() + deadline;
  while (true) {
    HOWDAH_CO_CHECK(process_.signal(SIGHUP));
    pg::ConnectOptions options =
        pg::role_session({place_.socket_directory.string(), "postgres", "howdah probe"}, role);
    options.timeout = std::max(left_until(give_up), milliseconds{1});
    // Authentication comes before the look for the role: an answer about the role itself shows
    // that the line is in force. lc_messages is C in every instance.
    const auto probe = co_await pg::Connection::open(std::move(options));
    if (probe || probe.error().detail.find("does not exist") != std::string::npos) {
      co_return Result<void>{};
    }
    if (steady_clock::now() >= give_up) {
      co_return fail(ErrorCode::timeout, "the instance does not know the role's login line", {},
                     probe.error().to_log());
    }
    co_await net::sleep_for(kProbeInterval);
  }
}

}  // namespace howdah::instance
