// SPDX-License-Identifier: Apache-2.0
#include "net/process_end.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace howdah::net {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

os::Process sleeper(const std::string& seconds) {
  os::SpawnOptions options;
  options.arguments = {"/usr/bin/sleep", seconds};
  return std::move(*os::spawn(options));
}

asio::awaitable<void> wait(const os::Process& process, milliseconds limit,
                           std::vector<bool>& ended) {
  ended.push_back(co_await process_end(process, limit));
}
asio::awaitable<void> wait_long(const os::Process& process) {
  co_await process_end(process);
}

void rethrow(const std::exception_ptr& error) {
  if (error) std::rethrow_exception(error);
}

TEST(ProcessEnd, is_seen_by_every_waiter_and_by_those_who_come_later) {
  asio::io_context io(1);
  os::Process process = sleeper("0.1");
  std::vector<bool> ended;
  for (int i = 0; i < 3; ++i) asio::co_spawn(io, wait(process, 5s, ended), rethrow);
  io.run();
  EXPECT_EQ(ended, (std::vector{true, true, true}));
  EXPECT_EQ(process.reap(), 0);
  io.restart();
  asio::co_spawn(io, wait(process, 0ms, ended), rethrow);
  io.run();
  EXPECT_TRUE(ended.back()) << "also after it was reaped";
}

TEST(ProcessEnd, is_not_seen_before_the_limit_of_one_that_runs_on) {
  asio::io_context io(1);
  os::Process process = sleeper("30");
  std::vector<bool> ended;
  const auto begin = Clock::now();
  asio::co_spawn(io, wait(process, 200ms, ended), rethrow);
  io.run();
  EXPECT_EQ(ended, std::vector{false});
  EXPECT_GE(Clock::now() - begin, 200ms);
  (void)process.signal(SIGKILL);
}

// The end of one process must not wake those that wait for another, whatever was closed before.
TEST(ProcessEnd, of_one_is_not_taken_for_that_of_another) {
  asio::io_context io(1);
  os::Process first = sleeper("0.3"), second = sleeper("30");
  std::vector<bool> none, ended;
  asio::co_spawn(io, wait_long(first), rethrow);
  asio::co_spawn(io, wait(first, 50ms, none), rethrow);
  io.run_for(100ms);
  ASSERT_EQ(none, std::vector{false}) << "it went away while the first one's other waiter stays";
  const auto begin = Clock::now();
  asio::co_spawn(io, wait(second, 800ms, ended), rethrow);
  io.run();
  EXPECT_EQ(ended, std::vector{false});
  EXPECT_GE(Clock::now() - begin, 800ms);
  (void)second.signal(SIGKILL);
}

}  // namespace
}  // namespace howdah::net
