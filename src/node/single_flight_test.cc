// SPDX-License-Identifier: Apache-2.0
#include "node/single_flight.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace howdah::node {
namespace {

using namespace std::chrono_literals;

class SingleFlightTest : public testing::Test {
 protected:
  Task<int> work(milliseconds time, Result<int> result) {
    ++runs_;
    if (time > 0ms) co_await net::sleep_for(time);
    co_return result;
  }
  void ask(const std::string& key, milliseconds time, Result<int> result) {
    asio::co_spawn(
        io_,
        flights_.run(key, std::bind_front(&SingleFlightTest::work, this, time, std::move(result))),
        [this](std::exception_ptr, Result<int> answer) { answers_.push_back(std::move(answer)); });
  }

  asio::io_context io_;
  net::TaskGroup tasks_{io_.get_executor()};
  SingleFlight<std::string, int> flights_{io_.get_executor(), tasks_};
  std::vector<Result<int>> answers_;
  int runs_ = 0;
};

TEST_F(SingleFlightTest, callers_of_one_key_share_one_run) {
  for (int caller = 0; caller < 5; ++caller) ask("a", 5ms, 7);
  io_.run();
  ASSERT_EQ(answers_.size(), 5U);
  for (const auto& answer : answers_) EXPECT_EQ(answer.value(), 7);
  EXPECT_EQ(runs_, 1);
}

TEST_F(SingleFlightTest, other_keys_and_later_callers_run_for_themselves) {
  ask("a", 1ms, 1);
  ask("b", 1ms, 2);
  io_.run();
  io_.restart();
  ask("a", 1ms, 3);
  io_.run();
  EXPECT_EQ(runs_, 3);
  EXPECT_EQ(answers_.back().value(), 3);
}

TEST_F(SingleFlightTest, a_failure_is_shared_and_not_kept) {
  ask("a", 1ms, fail(ErrorCode::timeout, "late"));
  ask("a", 1ms, 1);
  io_.run();
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_FALSE(answers_[0].has_value());
  EXPECT_FALSE(answers_[1].has_value());
  EXPECT_TRUE(flights_.empty());
}

TEST_F(SingleFlightTest, work_that_never_waits_is_answered_too) {
  ask("a", 0ms, 4);
  io_.run();
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(answers_[0].value(), 4);
}

}  // namespace
}  // namespace howdah::node
