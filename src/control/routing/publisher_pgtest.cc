// SPDX-License-Identifier: Apache-2.0
#include "control/routing/publisher.h"

#include <fstream>

#include "control/test_service.h"

namespace howdah::control {
namespace {

class PublisherTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> follows();
  asio::awaitable<void> rejoins();
  asio::awaitable<void> waits();
  asio::awaitable<void> awaits_return();
  asio::awaitable<void> comes_back();
  asio::awaitable<void> names_absent();
  asio::awaitable<void> grows();
  asio::awaitable<void> leaves_out();
  asio::awaitable<void> counts();
  asio::awaitable<void> join_later();
  // The lines of all operations.
  asio::awaitable<std::string> logged() {
    co_return co_await ask(
        "SELECT string_agg(data ->> 'line', '; ' ORDER BY data ->> 'line') "
        "FROM howdah.operation_events WHERE kind = 'log'");
  }
};

asio::awaitable<void> PublisherTest::follows() {
  EXPECT_TRUE(co_await create("before"));
  co_await join(gate);
  EXPECT_EQ(gate.routes.size(), 1U);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(gate.routes.size(), 11U) << "all known when the calls were answered";
  EXPECT_EQ(gate.snapshots, 1);
  EXPECT_EQ(gate.gaps, 0);
  co_await join(second_gate);
  EXPECT_EQ(second_gate.routes.size(), 11U);
  EXPECT_EQ(second_gate.version, gate.version);
}
TEST_F(PublisherTest, a_gate_gets_everything_and_then_each_change_without_a_gap) {
  run(follows());
}

asio::awaitable<void> PublisherTest::rejoins() {
  co_await join(gate);
  EXPECT_TRUE(co_await create("db"));
  // Comes back with exactly what is there: nothing is sent until something changes.
  second_gate.version = gate.version;
  gates.spawn("gate", second_gate.run((config.runtime_dir / "routes.sock").string(), gate.version));
  co_await net::sleep_for(milliseconds{100});
  EXPECT_EQ(second_gate.snapshots, 0);
  EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(second_gate.snapshots, 0);
  EXPECT_EQ(second_gate.gaps, 0);
  EXPECT_EQ(second_gate.routes.size(), 1U) << "only the change";
}
TEST_F(PublisherTest, a_gate_that_kept_the_present_version_gets_no_snapshot) {
  run(rejoins());
}

asio::awaitable<void> PublisherTest::comes_back() {
  co_await net::sleep_for(milliseconds{300});
  co_await gate.run((config.runtime_dir / "routes.sock").string(), 0);
}
asio::awaitable<void> PublisherTest::awaits_return() {
  std::ofstream(config.runtime_dir / "gate.sock");
  gates.spawn("gate", comes_back());
  EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(gate.routes.size(), 1U) << "known when the call was answered";
}
TEST_F(PublisherTest, a_gate_that_has_not_found_the_new_howdahd_yet_is_waited_for) {
  run(awaits_return());
}

asio::awaitable<void> PublisherTest::waits() {
  co_await join(gate);
  gate.acknowledges = false;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(co_await create("slow")) << "the database is complete all the same";
  EXPECT_GE(std::chrono::steady_clock::now() - begin, RoutePublisher::kAckTimeout);
  EXPECT_EQ(co_await logged(), "gate gate-1 has not answered yet");
  // A gate that is gone is not waited for.
  gate.leave();
  co_await net::sleep_for(milliseconds{50});
  EXPECT_TRUE(co_await create("quick"));
  EXPECT_EQ(co_await logged(), "gate gate-1 has not answered yet") << "and no more";
}
TEST_F(PublisherTest, a_live_gate_that_does_not_acknowledge_is_waited_for_and_named) {
  run(waits());
}

asio::awaitable<void> PublisherTest::names_absent() {
  std::ofstream(config.runtime_dir / "gate.sock");
  EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(co_await logged(), "gate of this machine (not connected) has not answered yet");
  gates.spawn("gate", join_later());
  EXPECT_TRUE(co_await create("db"));
  EXPECT_EQ(gate.routes.size(), 2U) << "it is waited for";
}
asio::awaitable<void> PublisherTest::join_later() {
  co_await net::sleep_for(milliseconds{300});
  co_await gate.run((config.runtime_dir / "routes.sock").string());
}
TEST_F(PublisherTest, a_gate_that_runs_without_a_connection_is_waited_for_and_named) {
  run(names_absent());
}

asio::awaitable<void> PublisherTest::grows() {
  co_await join(gate);
  EXPECT_TRUE(co_await create("db"));
  const std::uint64_t before = gate.version;
  co_await stop_service();
  co_await start_service();
  co_await join(second_gate);
  EXPECT_GT(second_gate.version, before);
  EXPECT_EQ(second_gate.routes.size(), 1U);
}
TEST_F(PublisherTest, versions_grow_over_a_restart) {
  run(grows());
}

asio::awaitable<void> PublisherTest::leaves_out() {
  co_await join(gate);
  EXPECT_TRUE(co_await create("db"));
  const std::string before = gate.routes.begin()->second.roles.at(0).verifiers.at(0).verifier;
  EXPECT_TRUE(co_await sql(
      "INSERT INTO howdah.credentials (database_id, role_id, generation, verifier, valid_until) "
      "SELECT database_id, role_id, 2, 'SCRAM-SHA-256$new', now() + interval '1 h' "
      "FROM howdah.credentials"));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.credentials SET valid_from = now() - interval '2 h', "
                   "valid_until = now() - interval '1 h' WHERE generation = 1"));
  EXPECT_TRUE(co_await sql(
      "INSERT INTO howdah.firewall_rules (database_id, network, ip_address, expires_at) "
      "SELECT id, '10.0.0.0/8', '10.0.0.0/8', now() + interval '1 h' FROM howdah.databases"));
  EXPECT_TRUE(
      co_await sql("UPDATE howdah.branches SET route_state = 'sealed', "
                   "sealed_reason = 'not scanned yet'"));
  co_await stop_service();
  co_await start_service();
  co_await join(second_gate);
  const Route& route = second_gate.routes.begin()->second;
  EXPECT_EQ(route.roles.at(0).verifiers.size(), 1U) << "an ended password does not reach a gate";
  EXPECT_EQ(route.roles.at(0).verifiers.at(0).verifier, "SCRAM-SHA-256$new");
  EXPECT_TRUE(route.roles.at(0).verifiers.at(0).valid_until);
  EXPECT_EQ(route.rules.at(0).network, "10.0.0.0/8");
  EXPECT_TRUE(route.rules.at(0).expires_at);
  EXPECT_TRUE(route.default_closed);
  EXPECT_EQ(route.state, RouteState::sealed);
  EXPECT_EQ(route.sealed_reason, "not scanned yet");
}
TEST_F(PublisherTest, a_route_has_the_passwords_rules_and_state_of_this_moment) {
  run(leaves_out());
}

asio::awaitable<void> PublisherTest::counts() {
  co_await join(gate);
  co_await join(second_gate);
  const auto made = co_await create("db");
  const std::string path = "/api/databases/" + std::string(made->at("id").as_string()) + "/stats";
  const BranchId branch = gate.routes.begin()->first;
  EXPECT_TRUE(co_await gate.report(branch, 3));
  EXPECT_TRUE(co_await second_gate.report(branch, 4));
  co_await net::sleep_for(milliseconds{50});
  EXPECT_EQ((co_await get(path))->at("data").at("active_connections"), 7);
  gate.leave();
  co_await net::sleep_for(milliseconds{50});
  EXPECT_EQ((co_await get(path))->at("data").at("active_connections"), 4);
}
TEST_F(PublisherTest, sessions_of_all_gates_are_summed_and_forgotten_with_the_gate) {
  run(counts());
}

}  // namespace
}  // namespace howdah::control
