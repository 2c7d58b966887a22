// SPDX-License-Identifier: Apache-2.0
#include "net/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <list>
#include <map>
#include <optional>
#include <vector>

#include "net/task_group.h"

namespace howdah::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class TurnsTest : public testing::Test {
 protected:
  ~TurnsTest() override {
    asio::co_spawn(io_, tasks_.stop(), [](std::exception_ptr) {});
    poll();
  }
  // Takes a turn, notes it, and keeps it until it is told to end.
  Task<void> work(Turns& turns, int number) {
    HOWDAH_CO_TRY(const auto turn, co_await turns.take());
    begun_.push_back(number);
    asio::steady_timer timer(io_, asio::steady_timer::time_point::max());
    ends_[number] = &timer;
    co_await timer.async_wait(kToken);
    co_return Result<void>{};
  }
  // It outlives every task.
  Turns& make(Turns::Limits limits) { return all_.emplace_back(io_.get_executor(), limits); }
  void start(Turns& turns, int first, int last) {
    for (int number = first; number <= last; ++number) tasks_.spawn("work", work(turns, number));
    poll();
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  void end(int number) {
    ends_.at(number)->cancel();
    poll();
  }

  asio::io_context io_;
  std::list<Turns> all_;
  std::vector<int> begun_;
  std::map<int, asio::steady_timer*> ends_;
  TaskGroup tasks_{io_.get_executor()};
};

TEST_F(TurnsTest, no_more_than_allowed_begin_and_the_others_in_their_order) {
  Turns& turns = make({.at_once = 2});
  start(turns, 1, 5);
  EXPECT_THAT(begun_, ElementsAre(1, 2));
  EXPECT_EQ(turns.waiting(), 3U);
  end(2);
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3));
  end(1);
  end(3);
  EXPECT_THAT(begun_, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(turns.waiting(), 0U);
}

TEST_F(TurnsTest, one_more_than_may_wait_is_refused) {
  Turns& turns = make({.at_once = 1, .waiting_max = 1});
  start(turns, 1, 2);
  std::optional<Result<Turns::Turn>> refused;
  asio::co_spawn(io_, turns.take(), [&refused](std::exception_ptr, Result<Turns::Turn> answer) {
    refused = std::move(answer);
  });
  poll();
  ASSERT_TRUE(refused && !*refused);
  EXPECT_EQ(refused->error().code, ErrorCode::rate_limited);
}

TEST_F(TurnsTest, whoever_gives_up_leaves_the_queue) {
  Turns& turns = make({.at_once = 1});
  start(turns, 1, 1);
  asio::cancellation_signal give_up;
  asio::co_spawn(
      io_, work(turns, 2),
      asio::bind_cancellation_slot(give_up.slot(), [](std::exception_ptr, const Result<void>&) {}));
  start(turns, 3, 3);
  give_up.emit(asio::cancellation_type::terminal);
  poll();
  EXPECT_EQ(turns.waiting(), 1U);
  end(1);
  EXPECT_THAT(begun_, ElementsAre(1, 3));
}

TEST_F(TurnsTest, one_that_takes_long_does_not_keep_the_others_waiting) {
  Turns& turns = make({.at_once = 1, .count_for = milliseconds{5}});
  start(turns, 1, 2);
  EXPECT_THAT(begun_, ElementsAre(1));
  io_.restart();
  io_.run_for(60ms);
  EXPECT_THAT(begun_, ElementsAre(1, 2));
}

}  // namespace
}  // namespace howdah::net
