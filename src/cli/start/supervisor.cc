// SPDX-License-Identifier: Apache-2.0
#include "cli/start/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <csignal>
#include <ranges>

#include "base/json.h"
#include "base/log.h"
#include "base/units.h"
#include "instance/server_log.h"
#include "net/process_end.h"

namespace howdah::cli {
namespace {

using asio::posix::stream_descriptor;

constexpr milliseconds kLogsEvery{2'000};
constexpr milliseconds kRestartDelayMin{100};
constexpr milliseconds kRestartDelayMax{5'000};
constexpr int kFailuresBeforeError = 3;

// Opened for appending: limit_logs() may empty it at any time.
Result<os::UniqueFd> open_log(const os::Path& path) {
  return os::open_file(path, O_WRONLY | O_CREAT | O_APPEND, 0640);
}

// The last WARN or ERROR line of a log from an offset on: what a daemon that just died said.
std::string last_words(const os::Path& log, std::uintmax_t offset) {
  const std::string text = os::read_file(log).value_or("");
  std::string last;
  for (const auto part : std::views::split(
           std::string_view(text).substr(std::min<std::size_t>(offset, text.size())), '\n')) {
    const std::string_view line(part.begin(), part.end());
    const std::size_t level = line.find(" ERROR ");
    if (level != std::string_view::npos)
      last = line.substr(level + 7);
    else if (last.empty() && !line.empty())
      last = line;
  }
  return last;
}

// A daemon that fails at start says "component: code: message"; the code decides our exit code.
Error error_of(const std::string& words, const std::string& daemon, const os::Path& log) {
  Error error{ErrorCode::internal,
              daemon + " ended before it was ready",
              "see " + log.string(),
              {},
              {},
              {}};
  if (!words.empty()) error.message = daemon + " could not start: " + words;
  for (const ErrorInfo& info : kErrorInfos) {
    const std::string mark = fmt::format(" {}: ", info.name);
    if (words.find(mark) != std::string::npos) error.code = info.code;
  }
  return error;
}

}  // namespace

Supervisor::Supervisor(asio::any_io_executor executor, Layout layout)
    : executor_(executor), layout_(std::move(layout)), watchers_(executor) {}

Supervisor::~Supervisor() = default;

Task<json::value> Supervisor::start(DaemonPlan plan) {
  daemons_.push_back(std::make_unique<Daemon>(Daemon{std::move(plan), std::nullopt, 0}));
  Daemon& daemon = *daemons_.back();
  auto ready = co_await launch(daemon);
  if (!ready) {
    if (daemon.process) (void)daemon.process->signal(SIGKILL);
    if (daemon.process) co_await net::process_end(*daemon.process);
    daemons_.pop_back();
    co_return ready;
  }
  watchers_.spawn(daemon.plan.name, watch(daemon));
  if (daemons_.size() == 1) watchers_.spawn("logs", limit_logs());
  co_return ready;
}

// What clients do is told in the daemons' logs too, so how much is not ours to say.
asio::awaitable<void> Supervisor::limit_logs() {
  while (!stopping_) {
    co_await net::sleep_for(kLogsEvery);
    for (const auto& daemon : daemons_) {
      const os::Path log = layout_.log_file(daemon->plan.name);
      const auto limited = instance::limit_log(log);
      if (!limited) log::warn("supervisor", "{}", limited.error().to_log());
    }
  }
}

Task<json::value> Supervisor::launch(Daemon& daemon) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) co_return fail_errno("make a pipe", errno);
  os::UniqueFd in(ends[0]), out(ends[1]);
  const os::Path log_path = layout_.log_file(daemon.plan.name);
  HOWDAH_CO_TRY(const os::UniqueFd log, open_log(log_path));
  std::error_code error;
  const std::uintmax_t offset = std::filesystem::file_size(log_path, error);

  os::SpawnOptions options;
  options.arguments = {(program_directory() / daemon.plan.name).string()};
  options.arguments.insert(options.arguments.end(), daemon.plan.arguments.begin(),
                           daemon.plan.arguments.end());
  options.arguments.push_back("--ready-fd");
  options.arguments.push_back(std::to_string(out.get()));
  options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                         "LANG=C.UTF-8"};
  for (const char* kept : {"TZ", "ASAN_OPTIONS"}) {
    if (const char* value = std::getenv(kept)) {
      options.environment.push_back(fmt::format("{}={}", kept, value));
    }
  }
  options.user = daemon.plan.user;
  options.stdout_fd = options.stderr_fd = log.get();
  options.inherited_fds = {out.get()};
  options.dies_with_parent = true;
  auto process = os::spawn(options);
  if (!process) co_return std::unexpected(std::move(process).error());
  daemon.process = std::move(*process);
  out = os::UniqueFd();

  auto ready = co_await net::with_deadline(wait_ready(daemon, std::move(in)),
                                           daemon.plan.ready_limit, "start " + daemon.plan.name);
  if (!ready && ready.error().code == ErrorCode::unavailable) {
    co_return std::unexpected(error_of(last_words(log_path, offset), daemon.plan.name, log_path));
  }
  if (!ready) ready.error().hint = "see " + log_path.string();
  co_return ready;
}

Task<json::value> Supervisor::wait_ready(Daemon& daemon, os::UniqueFd pipe) {
  stream_descriptor descriptor(executor_, pipe.release());
  std::string line;
  auto [error, size] = co_await asio::async_read_until(
      descriptor, asio::dynamic_buffer(line, 1_MiB), '\n', net::kToken);
  constexpr std::string_view kMark = "READY ";
  if (error || !line.starts_with(kMark)) {
    // The end of the pipe without a word: the daemon is dying; its log is complete once it is dead.
    if (daemon.process) co_await net::process_end(*daemon.process);
    co_return fail(ErrorCode::unavailable, daemon.plan.name + " ended before it was ready");
  }
  co_return parse_json(std::string_view(line).substr(kMark.size(), size - kMark.size() - 1));
}

asio::awaitable<void> Supervisor::watch(Daemon& daemon) {
  while (true) {
    co_await net::process_end(*daemon.process);
    const int status = daemon.process->reap().value_or(-1);
    if (stopping_) co_return;
    log::warn("supervisor", "{} ended with status {}; starting it again", daemon.plan.name, status);
    while (!stopping_) {
      const auto delay = kRestartDelayMin * (1 << std::min(daemon.failures, 6));
      co_await net::sleep_for(std::min<milliseconds>(delay, kRestartDelayMax));
      if (stopping_) co_return;
      const auto ready = co_await launch(daemon);
      if (ready) break;
      if (++daemon.failures == kFailuresBeforeError) {
        log::error("supervisor", "{} cannot be started: {}; trying on", daemon.plan.name,
                   ready.error().to_log());
      }
    }
    daemon.failures = 0;
    log::info("supervisor", "{} runs again", daemon.plan.name);
  }
}

asio::awaitable<void> Supervisor::stop(milliseconds limit,
                                       std::function<Task<void>()> before_node) {
  stopping_ = true;
  for (const auto& daemon : std::views::reverse(daemons_)) {
    if (!daemon->process || !daemon->process->running()) continue;
    bool asked = false;
    if (before_node && daemon->plan.name == "howdah-node") {
      const auto stopped = co_await before_node();
      if (!stopped) log::warn("supervisor", "stop instances: {}", stopped.error().to_log());
      asked = stopped.has_value();
    }
    if (!asked) (void)daemon->process->signal(SIGTERM);
    if (!co_await net::process_end(*daemon->process, limit)) {
      log::warn("supervisor", "{} did not end within {} ms; killed", daemon->plan.name,
                limit.count());
      (void)daemon->process->signal(SIGKILL);
      co_await net::process_end(*daemon->process);
    }
  }
  co_await watchers_.stop();
}

void Supervisor::reload(const std::string& name) {
  for (const auto& daemon : daemons_) {
    if (daemon->plan.name == name && daemon->process) (void)daemon->process->signal(SIGHUP);
  }
}

}  // namespace howdah::cli
