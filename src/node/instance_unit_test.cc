// SPDX-License-Identifier: Apache-2.0
// The state machine of an instance on postmasters without processes.
#include "node/instance_unit.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// Ends when the test says so.
class FakePostmaster : public Postmaster {
 public:
  explicit FakePostmaster(asio::any_io_executor executor) : ended_(std::move(executor)) {
    ended_.expires_at(asio::steady_timer::time_point::max());
  }
  pid_t pid() const override { return 4711; }
  Task<instance::ExitReport> wait_exit() override {
    while (!report_) co_await ended_.async_wait(net::kToken);
    co_return *report_;
  }
  Task<instance::ExitReport> stop() override {
    if (stop_fails) co_return fail(ErrorCode::timeout, "it does not end");
    end({0, instance::StopWay::clean});
    co_return *report_;
  }
  Task<instance::ExitReport> kill() override {
    end({137, instance::StopWay::crashed});
    co_return *report_;
  }
  Task<void> set_read_only(Manifest, bool) override { co_return Result<void>{}; }
  void end(instance::ExitReport report) {
    report_ = report;
    ended_.cancel();
  }

  bool stop_fails = false;

 private:
  std::optional<instance::ExitReport> report_;
  asio::steady_timer ended_;
};

class FakeSource : public PostmasterSource {
  struct Count {
    Count(int& now_, int& most) : now(now_) { most = std::max(most, ++now); }
    ~Count() { --now; }
    Count(const Count&) = delete;
    Count& operator=(const Count&) = delete;
    int& now;
  };

 public:
  explicit FakeSource(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  Task<std::shared_ptr<Postmaster>> start(Manifest) override {
    ++starts;
    const Count count(starting, starting_max);
    if (fails_at_once) co_return fail(ErrorCode::no_postgres, "PostgreSQL 13 is not installed");
    co_await net::sleep_for(1ms);
    if (already_running) co_return fail(ErrorCode::conflict, "it runs already");
    if (failures > 0) {
      --failures;
      co_return fail(ErrorCode::instance_failed, "it does not start", {}, "FATAL: no");
    }
    co_return make();
  }
  Task<std::shared_ptr<Postmaster>> adopt(Manifest) override {
    already_running = false;
    co_return make();
  }
  asio::awaitable<std::string> log_tail(Manifest) override { co_return "PANIC: tail"; }

  std::shared_ptr<Postmaster> make() {
    last = std::make_shared<FakePostmaster>(executor_);
    return last;
  }

  int starts = 0;
  int starting = 0, starting_max = 0;  // at a time
  int failures = 0;                    // of the next starts
  bool fails_at_once = false;
  bool already_running = false;
  std::shared_ptr<FakePostmaster> last;

 private:
  asio::any_io_executor executor_;
};

class InstanceUnitTest : public testing::Test {
 protected:
  InstanceUnitTest() {
    Manifest manifest;
    manifest.id = InstanceId("i-aaaaaaaaaaaa");
    manifest.token = "branch-1";
    unit_ = std::make_shared<InstanceUnit>(services_, manifest);
  }
  ~InstanceUnitTest() override {
    asio::co_spawn(io_, stop_groups(), [](std::exception_ptr) {});
    io_.restart();
    io_.run_for(1s);
  }

  asio::awaitable<void> stop_groups() {
    co_await transitions_.stop();
    co_await watchers_.stop();
  }
  Task<void> save(Manifest manifest) {
    co_await net::sleep_for(1ms);
    saved_.push_back(manifest);
    if (save_fails_) co_return fail(ErrorCode::io_error, "disk");
    co_return Result<void>{};
  }
  static asio::awaitable<void> collect(Task<void> task, std::vector<Result<void>>& results) {
    results.push_back(co_await std::move(task));
  }
  // Starts all of them, and runs until each has its result.
  std::vector<Result<void>> run(std::vector<Task<void>> tasks) {
    std::vector<Result<void>> results;
    const std::size_t count = tasks.size();
    for (auto& task : tasks) {
      asio::co_spawn(io_, collect(std::move(task), results), [](std::exception_ptr) {});
    }
    io_.restart();
    while (results.size() < count && io_.run_one_for(2s) > 0) {
    }
    return results;
  }
  Result<void> run_one(Task<void> task) {
    std::vector<Task<void>> tasks;
    tasks.push_back(std::move(task));
    return run(std::move(tasks)).at(0);
  }
  void run_for(milliseconds time) {
    io_.restart();
    io_.run_for(time);
  }
  void hold() {
    ASSERT_TRUE(
        holds_.take(unit_->id(), {"gate:1", "", 60}, std::chrono::steady_clock::now()).has_value());
  }
  std::vector<InstanceState> states() const {
    std::vector<InstanceState> result;
    for (const auto& entry : journal_.after(0).entries) result.push_back(entry.state);
    return result;
  }

  asio::io_context io_;
  FakeSource source_{io_.get_executor()};
  Journal journal_{io_.get_executor(), "boot"};
  Holds holds_;
  net::TaskGroup transitions_{io_.get_executor()};
  net::TaskGroup watchers_{io_.get_executor()};
  std::vector<Manifest> saved_;
  bool save_fails_ = false;
  InstanceUnit::Services services_{io_.get_executor(),
                                   source_,
                                   journal_,
                                   holds_,
                                   transitions_,
                                   watchers_,
                                   std::bind_front(&InstanceUnitTest::save, this),
                                   nullptr,
                                   {0ms, 1ms, 2ms}};
  std::shared_ptr<InstanceUnit> unit_;
};

TEST_F(InstanceUnitTest, concurrent_callers_share_one_start) {
  std::vector<Task<void>> tasks;
  for (int n = 0; n < 10; ++n) tasks.push_back(unit_->ensure_running("acquired"));
  for (const auto& result : run(std::move(tasks))) EXPECT_TRUE(result.has_value());
  EXPECT_EQ(source_.starts, 1);
  EXPECT_THAT(states(), ElementsAre(InstanceState::starting, InstanceState::running));
}

TEST_F(InstanceUnitTest, starts_of_several_wait_for_their_turn) {
  net::Turns turns(io_.get_executor(), {.at_once = 2});
  services_.turns = &turns;
  std::vector<std::shared_ptr<InstanceUnit>> units;
  std::vector<Task<void>> tasks;
  for (int n = 0; n < 6; ++n) {
    Manifest manifest;
    manifest.id = InstanceId(fmt::format("i-aaaaaaaaaaa{}", n));
    units.push_back(std::make_shared<InstanceUnit>(services_, manifest));
    tasks.push_back(units.back()->ensure_running("acquired"));
  }
  for (const auto& result : run(std::move(tasks))) EXPECT_TRUE(result.has_value());
  EXPECT_EQ(source_.starts, 6);
  EXPECT_EQ(source_.starting_max, 2);
  // Their watchers are ended while the turns are still there.
  units.clear();
}

TEST_F(InstanceUnitTest, a_start_that_fails_at_once_is_told_to_its_caller_and_tried_once) {
  source_.fails_at_once = true;
  const auto result = run_one(unit_->ensure_running("acquired"));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::no_postgres);
  EXPECT_EQ(source_.starts, 1);
  source_.fails_at_once = false;
  EXPECT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
}

TEST_F(InstanceUnitTest, concurrent_callers_share_the_failure_of_one_start) {
  source_.failures = 1;
  std::vector<Task<void>> tasks;
  for (int n = 0; n < 3; ++n) tasks.push_back(unit_->ensure_running("acquired"));
  for (const auto& result : run(std::move(tasks))) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::instance_failed);
  }
  EXPECT_EQ(source_.starts, 1);
  EXPECT_EQ(unit_->state(), InstanceState::failed);
  EXPECT_EQ(unit_->last_failure(), "it does not start\nFATAL: no");
}

TEST_F(InstanceUnitTest, a_failed_one_is_tried_again_by_the_next_caller) {
  source_.failures = 1;
  ASSERT_FALSE(run_one(unit_->ensure_running("acquired")).has_value());
  EXPECT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  EXPECT_EQ(unit_->state(), InstanceState::running);
}

TEST_F(InstanceUnitTest, one_that_runs_already_is_adopted_by_a_start) {
  source_.already_running = true;
  EXPECT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  EXPECT_EQ(unit_->state(), InstanceState::running);
}

TEST_F(InstanceUnitTest, a_start_waits_for_a_stop_and_a_stop_for_a_start) {
  std::vector<Task<void>> tasks;
  tasks.push_back(unit_->ensure_running("acquired"));
  tasks.push_back(unit_->ensure_stopped("by hand", false));
  tasks.push_back(unit_->ensure_running("acquired"));
  const auto results = run(std::move(tasks));
  EXPECT_TRUE(results[0] && results[1] && results[2]);
}

TEST_F(InstanceUnitTest, a_hold_blocks_stop_but_not_a_forced_one) {
  hold();
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  const auto refused = run_one(unit_->ensure_stopped("by hand", false));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::instance_held);
  unit_->suspend("idle");
  EXPECT_EQ(unit_->state(), InstanceState::running);
  EXPECT_TRUE(run_one(unit_->ensure_stopped("by hand", true)).has_value());
  EXPECT_EQ(unit_->state(), InstanceState::stopped);
}

TEST_F(InstanceUnitTest, death_without_a_hold_leaves_it_stopped_with_its_log) {
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  source_.last->end({137, instance::StopWay::crashed});
  run_for(20ms);
  EXPECT_EQ(unit_->state(), InstanceState::stopped);
  EXPECT_EQ(unit_->last_failure(), "PostgreSQL was killed by signal 9\nPANIC: tail");
  EXPECT_EQ(source_.starts, 1);
}

TEST_F(InstanceUnitTest, death_with_a_hold_restarts_it_at_once) {
  hold();
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  source_.last->end({137, instance::StopWay::crashed});
  run_for(20ms);
  EXPECT_EQ(unit_->state(), InstanceState::running);
  EXPECT_EQ(source_.starts, 2);
}

TEST_F(InstanceUnitTest, restarts_are_bounded_and_then_it_is_failed) {
  hold();
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  for (int death = 0; death < 4; ++death) {
    source_.last->end({1, instance::StopWay::crashed});
    for (int wait = 0; wait < 100 && unit_->state() != InstanceState::failed; ++wait) {
      run_for(1ms);
      if (unit_->state() == InstanceState::running) break;
    }
  }
  EXPECT_EQ(unit_->state(), InstanceState::failed);
  EXPECT_EQ(source_.starts, 4);
  EXPECT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
}

TEST_F(InstanceUnitTest, a_stop_that_fails_leaves_it_failed_and_the_next_start_finds_it) {
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  source_.last->stop_fails = true;
  ASSERT_TRUE(run_one(unit_->ensure_stopped("by hand", false)).has_value());
  EXPECT_EQ(unit_->state(), InstanceState::failed);
  EXPECT_TRUE(unit_->pid().has_value());
}

TEST_F(InstanceUnitTest, a_retiring_one_is_stopped_and_refuses_to_start) {
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  ASSERT_TRUE(run_one(unit_->retire(false)).has_value());
  EXPECT_EQ(unit_->state(), InstanceState::stopped);
  const auto refused = run_one(unit_->ensure_running("acquired"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::not_found);
}

TEST_F(InstanceUnitTest, a_held_one_is_retired_only_by_force) {
  hold();
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  EXPECT_EQ(run_one(unit_->retire(false)).error().code, ErrorCode::instance_held);
  EXPECT_FALSE(unit_->retiring());
  EXPECT_TRUE(run_one(unit_->retire(true)).has_value());
}

TEST_F(InstanceUnitTest, changes_of_the_manifest_are_saved_one_after_the_other) {
  std::vector<Task<void>> tasks;
  tasks.push_back(unit_->update([](Manifest& manifest) { manifest.suspend_after_s = 7; }));
  tasks.push_back(unit_->update([](Manifest& manifest) { manifest.max_connections = 8; }));
  run(std::move(tasks));
  ASSERT_EQ(saved_.size(), 2U);
  EXPECT_EQ(saved_[1].suspend_after_s, 7);
  EXPECT_EQ(unit_->manifest().max_connections, 8);
}

TEST_F(InstanceUnitTest, a_change_that_cannot_be_saved_is_not_made) {
  save_fails_ = true;
  EXPECT_FALSE(run_one(unit_->update([](Manifest& m) { m.token = "other"; })).has_value());
  EXPECT_EQ(unit_->manifest().token, "branch-1");
}

TEST_F(InstanceUnitTest, suspend_is_due_after_the_idle_time_but_not_before_it_may_sleep) {
  ASSERT_TRUE(run_one(unit_->ensure_running("acquired")).has_value());
  const auto now = std::chrono::steady_clock::now();
  EXPECT_LE(unit_->suspend_due(), now + 300s);
  EXPECT_GT(unit_->suspend_due(), now + 299s);
  unit_->keep_awake_until(now + 400s);
  EXPECT_EQ(unit_->suspend_due(), now + 400s);
}

TEST(RestartBudget, gives_three_restarts_in_a_minute_with_growing_delays) {
  RestartBudget budget(RestartBudget::default_delays());
  const RestartBudget::TimePoint start{1'000s};
  EXPECT_EQ(budget.next(start), 0ms);
  EXPECT_EQ(budget.next(start + 1s), 250ms);
  EXPECT_EQ(budget.next(start + 2s), 1000ms);
  EXPECT_EQ(budget.next(start + 59s), std::nullopt);
  EXPECT_EQ(budget.next(start + 60s), 1000ms);
}

TEST(ExitReport, is_described_in_words) {
  EXPECT_EQ(describe_exit({1, instance::StopWay::crashed}), "ended with exit code 1");
  EXPECT_EQ(describe_exit({137, instance::StopWay::crashed}), "was killed by signal 9");
  EXPECT_EQ(describe_exit({{}, instance::StopWay::crashed}), "died");
}

}  // namespace
}  // namespace howdah::node
