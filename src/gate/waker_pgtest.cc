// SPDX-License-Identifier: Apache-2.0
// Waking instances: with the agent, without it, and when an instance comes and goes.
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "gate/fixture.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

class Wake : public testing::Test {
 protected:
  void SetUp() override { TestInstance::get().start(); }
  void TearDown() override { TestInstance::get().start(); }

  static int acquires(Harness& harness) {
    return harness.on_loop([&] { return harness.node().acquires; });
  }
  static int releases(Harness& harness) {
    return harness.on_loop([&] { return harness.node().releases; });
  }
};

TEST_F(Wake, a_stopped_instance_is_started_for_its_first_client) {
  Harness harness;
  TestInstance::get().stop(SIGINT);
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_EQ(client.query("SELECT 1"), "1");
  EXPECT_EQ(acquires(harness), 1);
}

TEST_F(Wake, many_clients_of_one_sleeper_are_one_call) {
  Route route = test_route();
  route.max_connections = 100;
  Harness harness({.routes = {route}});
  TestInstance::get().stop(SIGINT);
  harness.on_loop([&] { harness.node().acquire_delay = 300ms; });
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::thread> threads;
  std::atomic<int> served = 0;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<TestClient>(harness.port()));
    threads.emplace_back([&served, &client = *clients.back()] {
      if (client.connect().type == 'Z' && client.query("SELECT 1") == "1") ++served;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(served, 40);
  EXPECT_EQ(acquires(harness), 1);
}

TEST_F(Wake, the_hold_is_released_after_the_last_session) {
  Harness harness;
  {
    TestClient a(harness.port()), b(harness.port());
    ASSERT_EQ(a.connect().type, 'Z');
    ASSERT_EQ(b.connect().type, 'Z');
    std::this_thread::sleep_for(600ms);
    EXPECT_EQ(releases(harness), 0);
  }
  EXPECT_TRUE(harness.eventually([&] { return harness.node().releases == 1; }));
  EXPECT_EQ(acquires(harness), 1);
  TestClient later(harness.port());
  EXPECT_EQ(later.connect().type, 'Z');
  EXPECT_EQ(acquires(harness), 2) << "the hold is taken anew";
}

TEST_F(Wake, clients_that_come_one_after_the_other_share_one_hold) {
  Harness harness;
  for (int i = 0; i < 10; ++i) {
    TestClient client(harness.port());
    ASSERT_EQ(client.connect().type, 'Z');
  }
  EXPECT_EQ(acquires(harness), 1);
}

TEST_F(Wake, a_killed_instance_is_started_again_for_the_next_client) {
  Harness harness;
  TestClient first(harness.port());
  ASSERT_EQ(first.connect().type, 'Z');
  TestInstance::get().stop(SIGKILL);
  // A server process that outlives its postmaster notices when it next waits.
  std::string last = "1";
  for (int i = 0; i < 100 && last == "1"; ++i) last = first.query("SELECT 1");
  EXPECT_NE(last, "1");
  TestClient second(harness.port());
  ASSERT_EQ(second.connect().type, 'Z');
  EXPECT_EQ(second.query("SELECT 1"), "1");
  EXPECT_EQ(acquires(harness), 2);
}

TEST_F(Wake, an_instance_that_is_stopping_is_waited_for_and_started_again) {
  Harness harness;
  TestClient first(harness.port()), second(harness.port());
  ASSERT_EQ(first.connect().type, 'Z');
  // A smart shutdown refuses new clients with 57P03 until the last one has gone.
  TestInstance::get().signal(SIGTERM);
  std::thread ender([&] {
    std::this_thread::sleep_for(200ms);
    first.send(pgwire::build_message('X', ""));
  });
  EXPECT_EQ(second.connect().type, 'Z');
  ender.join();
  EXPECT_EQ(second.query("SELECT 1"), "1");
}

TEST_F(Wake, without_a_node_agent_a_running_instance_is_served) {
  Harness harness({.with_node = false});
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_EQ(client.query("SELECT 1"), "1");
}

TEST_F(Wake, without_a_node_agent_a_stopped_instance_is_a_clear_error) {
  Harness harness({.with_node = false});
  TestInstance::get().stop(SIGINT);
  TestClient client(harness.port());
  EXPECT_EQ(client.connect().error().sqlstate, "57P03");
}

TEST_F(Wake, an_agent_that_hangs_does_not_keep_clients_from_a_running_instance) {
  Harness harness;
  harness.on_loop([&] { harness.node().acquire_delay = 60s; });
  TestClient first(harness.port()), second(harness.port());
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(first.connect().type, 'Z');
  const auto known = std::chrono::steady_clock::now();
  EXPECT_EQ(second.connect().type, 'Z');
  EXPECT_LT(std::chrono::steady_clock::now() - known, known - started) << "known to hang";
}

TEST_F(Wake, an_instance_that_cannot_start_is_a_clear_error) {
  Harness harness;
  harness.on_loop([&] { harness.node().fails = true; });
  TestInstance::get().stop(SIGINT);
  TestClient client(harness.port());
  const auto error = client.connect().error();
  EXPECT_EQ(error.sqlstate, "57P03");
  EXPECT_NE(error.message.find("could not be started"), std::string::npos);
}

TEST_F(Wake, a_client_that_gives_up_while_its_database_starts_frees_its_place) {
  Route route = test_route();
  route.max_connections = 1;
  Harness harness({.routes = {route}});
  TestInstance::get().stop(SIGINT);
  harness.on_loop([&] { harness.node().acquire_delay = 1s; });
  {
    TestClient impatient(harness.port());
    impatient.start_tls();
    impatient.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa");
    impatient.answer_challenge(std::string(kPassword));
    ASSERT_TRUE(harness.eventually([&] { return harness.node().acquires == 1; }));
  }
  ASSERT_TRUE(harness.eventually([&] { return harness.gate().handshakes() == 0; }));
  TestClient patient(harness.port());
  EXPECT_EQ(patient.connect().type, 'Z') << "not 53300";
}

TEST_F(Wake, a_query_sent_before_the_login_was_answered_is_not_lost) {
  Harness harness;
  TestInstance::get().stop(SIGINT);
  TestClient client(harness.port());
  client.start_tls();
  client.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa");
  client.answer_challenge(std::string(kPassword));
  client.send(query_message("SELECT 7"));
  std::string seen;
  for (auto reply = client.read(); reply.type != 0; reply = client.read()) {
    seen += reply.type;
    if (seen.ends_with("TDCZ")) break;
  }
  EXPECT_TRUE(seen.ends_with("ZTDCZ")) << seen;
}

TEST_F(Wake, a_start_that_takes_too_long_is_a_clear_error_and_frees_the_place) {
  Harness::Options options;
  options.config.login_max = 300ms;
  options.routes[0].max_connections = 1;
  Harness harness(std::move(options));
  TestInstance::get().stop(SIGINT);
  harness.on_loop([&] { harness.node().acquire_delay = 2s; });
  TestClient first(harness.port()), second(harness.port());
  EXPECT_EQ(first.connect().error().sqlstate, "57P03");
  EXPECT_EQ(second.connect().error().sqlstate, "57P03") << "not 53300";
}

}  // namespace
}  // namespace howdah::gate
