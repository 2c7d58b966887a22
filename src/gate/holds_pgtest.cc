// SPDX-License-Identifier: Apache-2.0
// The waker's holds over time, with a node agent that counts.
#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>

#include "gate/fixture.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

class Holds : public testing::Test {
 protected:
  Holds() {
    TestInstance::get().start();
    const os::Path& runtime = TestInstance::get().runtime_dir();
    const std::string socket = (runtime / "node.sock").string();
    fake_ = std::make_unique<FakeNode>(context_.get_executor(), socket);
    node_ = std::make_unique<nodeapi::Client>(context_.get_executor(), socket);
    WakerSettings settings;
    settings.holder = "gate:test";
    settings.instances_directory = (runtime / "i").string();
    settings.renew_interval = 30ms;
    settings.linger = 10ms;
    waker_ = std::make_unique<Waker>(context_.get_executor(), *node_, settings, metrics_);
    tasks_.spawn("wake", waker_->run());
  }

  // Runs the test's coroutine, then takes everything down.
  void run(asio::awaitable<void> body) {
    asio::co_spawn(context_, finish(std::move(body)), [](const std::exception_ptr& exception) {
      if (exception) std::rethrow_exception(exception);
    });
    context_.run_for(20s);
  }

  asio::awaitable<void> finish(asio::awaitable<void> body) {
    co_await std::move(body);
    co_await waker_->stop(1s);
    co_await tasks_.stop(1s);
    co_await fake_->stop();
  }

  asio::awaitable<bool> until(std::function<bool()> condition) {
    for (int i = 0; i < 1000 && !condition(); ++i) co_await net::sleep_for(5ms);
    co_return condition();
  }

  asio::io_context context_{1};
  Metrics metrics_;
  net::TaskGroup tasks_{context_.get_executor()};
  std::unique_ptr<FakeNode> fake_;
  std::unique_ptr<nodeapi::Client> node_;
  std::unique_ptr<Waker> waker_;

 public:
  asio::awaitable<void> renew_while_used() {
    auto lease = waker_->use(InstanceId(std::string(kInstance)));
    EXPECT_TRUE(co_await waker_->ensure_running(lease));
    EXPECT_TRUE(co_await until([this] { return fake_->renewals >= 3; }));
    EXPECT_EQ(fake_->acquires, 1);
    EXPECT_EQ(fake_->releases, 0);
    lease = {};
    EXPECT_TRUE(co_await until([this] { return fake_->releases == 1; }));
    const int renewals = fake_->renewals;
    co_await net::sleep_for(100ms);
    EXPECT_EQ(fake_->renewals, renewals) << "nothing is held, nothing is renewed";
  }

  asio::awaitable<void> take_again_what_was_lost() {
    const auto lease = waker_->use(InstanceId(std::string(kInstance)));
    EXPECT_TRUE(co_await waker_->ensure_running(lease));
    fake_->forgets = true;
    EXPECT_TRUE(co_await until([this] { return fake_->acquires >= 2; }));
    fake_->forgets = false;
    const int acquires = fake_->acquires;
    co_await net::sleep_for(100ms);
    EXPECT_LE(fake_->acquires, acquires + 1);
  }

  asio::awaitable<void> return_in_time() {
    auto first = waker_->use(InstanceId(std::string(kInstance)));
    EXPECT_TRUE(co_await waker_->ensure_running(first));
    first = {};
    const auto second = waker_->use(InstanceId(std::string(kInstance)));
    EXPECT_TRUE(co_await waker_->ensure_running(second));
    co_await net::sleep_for(50ms);
    EXPECT_EQ(fake_->acquires, 1);
    EXPECT_EQ(fake_->releases, 0);
  }

  asio::awaitable<void> stop_with_a_hold() {
    auto lease = waker_->use(InstanceId(std::string(kInstance)));
    EXPECT_TRUE(co_await waker_->ensure_running(lease));
    lease = {};
    co_await waker_->stop(1s);
    EXPECT_EQ(fake_->releases, 1);
  }
};

TEST_F(Holds, a_hold_is_renewed_while_it_is_used_and_released_once) {
  run(renew_while_used());
}

TEST_F(Holds, a_hold_that_the_agent_has_forgotten_is_taken_again) {
  run(take_again_what_was_lost());
}

TEST_F(Holds, a_session_that_follows_at_once_keeps_the_hold) {
  run(return_in_time());
}

TEST_F(Holds, stopping_releases_what_is_held) {
  run(stop_with_a_hold());
}

}  // namespace
}  // namespace howdah::gate
