// SPDX-License-Identifier: Apache-2.0
#include "gate/live_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate/client_view.h"
#include "gate/route_test_data.h"

namespace howdah::gate {
namespace {

const Timestamp kNow{std::chrono::milliseconds{1'767'000'000'000}};
const std::chrono::seconds kSecond{1};

SessionIdentity make_identity(const Route& route) {
  return {route.branch_id, route.instance_id, owner_role(route.slug),
          ip::make_address("203.0.113.9")};
}

class LiveSessionsTest : public testing::Test {
 protected:
  std::optional<pgwire::ErrorFields> reason(const std::vector<Route>& routes) {
    EXPECT_TRUE(table_.apply(make_full(1, routes)));
    return reason_to_end(table_, make_identity(make_route("aaaaaaaa")), kNow);
  }

  RouteTable table_;
  LiveSessions sessions_;
};

TEST_F(LiveSessionsTest, a_branch_has_at_most_its_limit_of_sessions) {
  const auto identity = make_identity(make_route("aaaaaaaa"));
  auto first = sessions_.open(identity, 2);
  auto second = sessions_.open(identity, 2);
  ASSERT_TRUE(first && second);
  const auto third = sessions_.open(identity, 2);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::too_many_connections);
  *second = {};
  EXPECT_TRUE(sessions_.open(identity, 2));
}

TEST_F(LiveSessionsTest, another_branch_has_a_limit_of_its_own) {
  auto first = sessions_.open(make_identity(make_route("aaaaaaaa")), 1);
  auto other = sessions_.open(make_identity(make_route("bbbbbbbb")), 1);
  EXPECT_TRUE(first && other);
  EXPECT_EQ(sessions_.size(), 2u);
}

TEST_F(LiveSessionsTest, a_session_goes_on_while_its_route_is_unchanged) {
  EXPECT_FALSE(reason({make_route("aaaaaaaa")}));
}

TEST_F(LiveSessionsTest, a_session_ends_with_its_route) {
  const auto why = reason({make_route("bbbbbbbb")});
  ASSERT_TRUE(why);
  EXPECT_EQ(why->sqlstate, "57P01");
}

TEST_F(LiveSessionsTest, a_session_ends_when_its_route_closes) {
  for (const RouteState state : {RouteState::paused, RouteState::deleted, RouteState::sealed}) {
    Route route = make_route("aaaaaaaa");
    route.state = state;
    EXPECT_TRUE(reason({route})) << to_string(state);
  }
}

TEST_F(LiveSessionsTest, a_session_ends_when_the_branch_gets_another_instance) {
  Route route = make_route("aaaaaaaa");
  route.instance_id = InstanceId("i-other");
  EXPECT_TRUE(reason({route}));
}

TEST_F(LiveSessionsTest, a_session_ends_when_its_role_is_removed) {
  Route route = make_route("aaaaaaaa");
  route.roles.clear();
  EXPECT_TRUE(reason({route}));
}

TEST_F(LiveSessionsTest, a_session_ends_when_no_rule_allows_its_address_any_more) {
  Route route = make_route("aaaaaaaa");
  route.rules = {{"198.51.100.0/24", {}}};
  EXPECT_TRUE(reason({route}));
  route.rules.push_back({"203.0.113.0/24", {}});
  EXPECT_FALSE(reason({route}));
}

TEST_F(LiveSessionsTest, judging_cuts_each_session_once) {
  ASSERT_TRUE(table_.apply(make_full(1, {})));
  auto slot = sessions_.open(make_identity(make_route("aaaaaaaa")), 5);
  int cuts = 0;
  slot->on_cut([&](const pgwire::ErrorFields&) { ++cuts; });
  const std::vector<BranchId> touched{BranchId("branch-aaaaaaaa-main")};
  EXPECT_EQ(sessions_.judge(touched, table_, kNow), 1u);
  EXPECT_EQ(sessions_.judge(touched, table_, kNow), 0u);
  EXPECT_EQ(cuts, 1);
}

TEST_F(LiveSessionsTest, judging_leaves_other_branches_alone) {
  ASSERT_TRUE(table_.apply(make_full(1, {})));
  auto slot = sessions_.open(make_identity(make_route("aaaaaaaa")), 5);
  slot->on_cut([](const pgwire::ErrorFields&) { ADD_FAILURE(); });
  EXPECT_EQ(sessions_.judge({BranchId("branch-bbbbbbbb-main")}, table_, kNow), 0u);
}

TEST_F(LiveSessionsTest, a_rule_that_expires_names_its_branch_once) {
  Route route = make_route("aaaaaaaa");
  route.rules = {{"203.0.113.9", kNow + kSecond}};
  ASSERT_TRUE(table_.apply(make_full(1, {route})));
  auto slot = sessions_.open(make_identity(route), 5);
  EXPECT_TRUE(sessions_.with_expired_rules(table_, kNow - kSecond, kNow).empty());
  EXPECT_EQ(sessions_.with_expired_rules(table_, kNow, kNow + kSecond).size(), 1u);
  EXPECT_TRUE(sessions_.with_expired_rules(table_, kNow + kSecond, kNow + 2 * kSecond).empty());
}

TEST_F(LiveSessionsTest, use_is_reported_when_it_changed) {
  const auto identity = make_identity(make_route("aaaaaaaa"));
  auto slot = sessions_.open(identity, 5);
  *slot->activity() = kNow;
  auto use = sessions_.take_changed_use(false);
  ASSERT_EQ(use.size(), 1u);
  EXPECT_EQ(use[0].open_sessions, 1);
  EXPECT_EQ(use[0].last_activity, kNow);
  EXPECT_TRUE(sessions_.take_changed_use(false).empty());
  EXPECT_EQ(sessions_.take_changed_use(true).size(), 1u);
  *slot->activity() = kNow + kSecond;
  EXPECT_EQ(sessions_.take_changed_use(false).size(), 1u);
}

TEST_F(LiveSessionsTest, the_last_sessions_end_is_reported) {
  {
    auto slot = sessions_.open(make_identity(make_route("aaaaaaaa")), 5);
  }
  const auto use = sessions_.take_changed_use(false);
  ASSERT_EQ(use.size(), 1u);
  EXPECT_EQ(use[0].open_sessions, 0);
  EXPECT_TRUE(sessions_.take_changed_use(true).empty());
}

TEST_F(LiveSessionsTest, clients_are_shown_with_what_they_do) {
  const Route route = make_route("aaaaaaaa");
  auto first = sessions_.open(make_identity(route), 10);
  auto second = sessions_.open(make_identity(route), 10);
  ASSERT_TRUE(first && second);
  first->describe({0, true, "d", "psql", "TLSv1.3", kNow});
  first->on_look(
      [] { return SessionTraffic{SessionTraffic::State::in_transaction, 4711, 10, 20, kNow}; });
  const auto shown = clients_json(sessions_, {route.branch_id});
  const auto& clients = shown.at("clients").as_array();
  ASSERT_EQ(clients.size(), 2U);
  EXPECT_EQ(clients[0].at("number").to_number<int>(), 1);
  EXPECT_EQ(clients[0].at("port"), "pooled");
  EXPECT_EQ(clients[0].at("state"), "idle in transaction");
  EXPECT_EQ(clients[0].at("server_pid").to_number<int>(), 4711);
  EXPECT_EQ(clients[0].at("client_address"), "203.0.113.9");
  EXPECT_EQ(clients[0].at("received_bytes").to_number<int>(), 10);
  EXPECT_EQ(clients[1].at("state"), "connecting");
  EXPECT_TRUE(clients[1].at("server_pid").is_null());
  EXPECT_EQ(clients_json(sessions_, {route.branch_id, 1}).at("clients").as_array().size(), 1U);
  EXPECT_EQ(clients_json(sessions_, {route.branch_id, 0, 1}).at("clients").as_array().size(), 1U);
  EXPECT_TRUE(clients_json(sessions_, {BranchId("other")}).at("clients").as_array().empty());
  first->on_look({});
}

TEST_F(LiveSessionsTest, pools_count_clients_by_role_database_and_port) {
  const Route route = make_route("aaaaaaaa");
  std::vector<LiveSessions::Slot> slots;
  for (int i = 0; i < 3; ++i) {
    slots.push_back(sessions_.open(make_identity(route), 10).value());
    slots.back().describe({0, i == 2, "d", "", "", kNow});
  }
  const auto state = SessionTraffic::State::idle;
  slots[0].on_look([state] { return SessionTraffic{state, 1, 5, 6, kNow}; });
  const auto shown = pools_json(sessions_, route.branch_id, 10, kNow + kSecond);
  const auto& pools = shown.at("pools").as_array();
  ASSERT_EQ(pools.size(), 2U);
  EXPECT_EQ(pools[0].at("port"), "direct");
  EXPECT_EQ(pools[0].at("clients").to_number<int>(), 2);
  EXPECT_EQ(pools[0].at("waiting_clients").to_number<int>(), 1);
  EXPECT_EQ(pools[0].at("idle_servers").to_number<int>(), 1);
  EXPECT_EQ(pools[0].at("oldest_wait_ms").to_number<int>(), 1000);
  EXPECT_EQ(pools[0].at("sent_bytes").to_number<int>(), 6);
  EXPECT_EQ(pools[1].at("port"), "pooled");
  slots[0].on_look({});
}

TEST_F(LiveSessionsTest, one_client_is_cut_by_its_number_and_its_branch) {
  const Route route = make_route("aaaaaaaa");
  auto slot = sessions_.open(make_identity(route), 10);
  const pgwire::ErrorFields reason{"FATAL", "57P01", "ended", {}, {}};
  EXPECT_EQ(sessions_.cut(route.branch_id, 1, reason).error().code, ErrorCode::conflict);
  int cuts = 0;
  slot->on_cut([&](const pgwire::ErrorFields& why) {
    ++cuts;
    EXPECT_EQ(why.message, "ended");
  });
  EXPECT_EQ(sessions_.cut(BranchId("other"), 1, reason).error().code, ErrorCode::not_found);
  EXPECT_EQ(sessions_.cut(route.branch_id, 2, reason).error().code, ErrorCode::not_found);
  EXPECT_TRUE(sessions_.cut(route.branch_id, 1, reason));
  EXPECT_EQ(cuts, 1);
}

TEST_F(LiveSessionsTest, sessions_before_a_cut_of_their_role_end_and_later_ones_go_on) {
  Route route = make_route("aaaaaaaa");
  route.roles[0].cut_before = kNow;
  ASSERT_TRUE(table_.apply(make_full(9, {route})));
  auto identity = make_identity(route);
  identity.proved_at = kNow - std::chrono::milliseconds{1};
  ASSERT_TRUE(reason_to_end(table_, identity, kNow));
  identity.proved_at = kNow;
  EXPECT_FALSE(reason_to_end(table_, identity, kNow));
}

}  // namespace
}  // namespace howdah::gate
