// SPDX-License-Identifier: Apache-2.0
// Passwords that users change by SQL, with a node that tells what it is told to, and logins with
// several passwords.
#include <gtest/gtest.h>

#include <thread>

#include "gate/fixture.h"
#include "pgwire/scram.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

std::string verifier_of(std::string_view password) {
  return pgwire::format_verifier(pgwire::make_verifier(password));
}

// A role as the node tells it after its user has changed it.
nodeapi::RoleState changed_role(std::string verifier, std::string problem = {}) {
  nodeapi::RoleState state{std::string(kUser), std::move(verifier), std::move(problem)};
  state.changed_at = now();
  return state;
}

class PasswordWatchTest : public testing::Test {
 protected:
  PasswordWatchTest() { TestInstance::get().start(); }

  static void tell(Harness& harness, nodeapi::RoleState state) {
    harness.on_loop([&] {
      harness.node().roles = {state};
      return true;
    });
  }
  static char enters(Harness& harness, std::string_view password, std::uint16_t port = 0) {
    TestClient client(port == 0 ? harness.port() : port);
    return client.connect(std::string(kUser), std::string(kDatabase), std::string(password)).type;
  }
  static bool opens_soon(Harness& harness, std::string_view password) {
    const auto give_up = std::chrono::steady_clock::now() + 30s;
    while (enters(harness, password) != 'Z') {
      if (std::chrono::steady_clock::now() > give_up) return false;
    }
    return true;
  }
};

TEST_F(PasswordWatchTest, an_alter_role_is_noticed_at_once_and_only_the_new_password_opens) {
  GateConfig config;
  config.password_look_interval = 300s;  // it is not the regular look that finds it
  Harness harness({.config = config});
  TestClient session(harness.port());
  ASSERT_EQ(session.connect().type, 'Z');
  tell(harness, changed_role(verifier_of("fresh")));
  session.query("ALTER ROLE user_aaaaaaaa PASSWORD 'fresh'");
  EXPECT_TRUE(opens_soon(harness, "fresh"));
  EXPECT_EQ(enters(harness, "fresh", harness.pooled_port()), 'Z');
  EXPECT_EQ(enters(harness, kPassword), 'E');
  EXPECT_EQ(enters(harness, kPassword, harness.pooled_port()), 'E');
  EXPECT_EQ(session.query("SELECT 1"), "1") << "the session goes on";
  EXPECT_TRUE(harness.eventually([&] { return !harness.control().role_changes.empty(); }));
}

TEST_F(PasswordWatchTest, a_change_that_tells_nothing_is_found_by_the_regular_look) {
  Harness harness;
  TestClient session(harness.port());
  ASSERT_EQ(session.connect().type, 'Z');
  tell(harness, changed_role(verifier_of("fresh")));
  session.query("DO $$ BEGIN PERFORM 1; END $$");
  EXPECT_TRUE(opens_soon(harness, "fresh"));
}

TEST_F(PasswordWatchTest, a_session_that_is_gone_at_once_is_looked_after_too) {
  Harness harness;
  {
    TestClient session(harness.port());
    ASSERT_EQ(session.connect().type, 'Z');
    tell(harness, changed_role(verifier_of("fresh")));
  }
  // Nobody connects meanwhile.
  EXPECT_TRUE(harness.eventually([&] { return !harness.control().role_changes.empty(); }));
  EXPECT_EQ(enters(harness, "fresh"), 'Z');
}

TEST_F(PasswordWatchTest, a_change_right_before_a_restart_of_the_instance_is_found_after_it) {
  Harness harness;
  const auto set_stops = [&](bool stops) {
    return harness.on_loop([&] { return harness.node().stops = stops; });
  };
  {
    TestClient session(harness.port());
    ASSERT_EQ(session.connect().type, 'Z');
    tell(harness, changed_role(verifier_of("fresh")));
    set_stops(true);
  }
  EXPECT_TRUE(harness.eventually([&] { return harness.node().looks > 0; }));
  set_stops(false);
  EXPECT_TRUE(harness.eventually([&] { return !harness.control().role_changes.empty(); }));
  EXPECT_EQ(enters(harness, "fresh"), 'Z');
}

TEST_F(PasswordWatchTest, quiet_sessions_cost_no_look) {
  Harness harness;
  TestClient session(harness.port());
  ASSERT_EQ(session.connect().type, 'Z');
  std::this_thread::sleep_for(1200ms);
  const int before = harness.on_loop([&] { return harness.node().looks; });
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(harness.on_loop([&] { return harness.node().looks; }), before);
}

TEST_F(PasswordWatchTest, a_changed_password_is_kept_over_a_restart_without_howdahd) {
  {
    Harness harness;
    TestClient session(harness.port());
    ASSERT_EQ(session.connect().type, 'Z');
    tell(harness, changed_role(verifier_of("fresh")));
    session.query("ALTER ROLE user_aaaaaaaa PASSWORD 'fresh'");
    EXPECT_TRUE(harness.eventually([&] { return !harness.control().role_changes.empty(); }));
  }
  Harness harness({.with_control = false, .fresh_files = false});
  EXPECT_EQ(enters(harness, "fresh"), 'Z');
  EXPECT_EQ(enters(harness, kPassword), 'E');
}

TEST_F(PasswordWatchTest, a_password_that_scram_cannot_use_refuses_every_login) {
  Harness harness;
  TestClient session(harness.port());
  ASSERT_EQ(session.connect().type, 'Z');
  const std::string huge = "SCRAM-SHA-256$2000000000:" + verifier_of("x").substr(19);
  for (const auto& state :
       {changed_role("", "md5"), changed_role("", "none"), changed_role(huge),
        changed_role("SCRAM-SHA-256$4096:!$!:!"), changed_role(std::string(500, 'S'))}) {
    nodeapi::RoleState later = state;
    later.changed_at = now();
    tell(harness, later);
    session.query("ALTER ROLE user_aaaaaaaa PASSWORD NULL");
    EXPECT_TRUE(harness.eventually([&] {
      return !harness.control().role_changes.empty() &&
             harness.control().role_changes.back().changed_at == *later.changed_at;
    })) << state.verifier
        << state.problem;
    EXPECT_TRUE(harness.control().role_changes.back().verifier.empty());
    EXPECT_EQ(enters(harness, kPassword), 'E');
    EXPECT_EQ(enters(harness, "x"), 'E');
    std::this_thread::sleep_for(5ms);
  }
}

TEST_F(PasswordWatchTest, a_role_that_may_not_log_in_or_is_over_refuses_the_right_password) {
  Harness harness;
  EXPECT_EQ(enters(harness, kPassword), 'Z');
  Route route = test_route();
  route.roles[0].can_login = false;
  harness.publish({route});
  EXPECT_EQ(enters(harness, kPassword), 'E');
  route.roles[0].can_login = true;
  route.roles[0].valid_until = now() + 300ms;
  harness.publish({route});
  EXPECT_EQ(enters(harness, kPassword), 'Z');
  std::this_thread::sleep_for(350ms);
  EXPECT_EQ(enters(harness, kPassword), 'E') << "by the gate's own clock";
}

TEST_F(PasswordWatchTest, both_passwords_open_in_the_grace_and_logins_are_told_apart) {
  const pgwire::ScramVerifier old = pgwire::make_verifier("old");
  Route route = test_route();
  route.roles[0].verifiers = {
      {pgwire::format_verifier(pgwire::make_verifier("new", old.salt, old.iterations)), {}, 2},
      {pgwire::format_verifier(old), now() + 1s, 1}};
  Harness harness({.routes = {route}});
  EXPECT_EQ(enters(harness, "old"), 'Z');
  EXPECT_EQ(enters(harness, "new", harness.pooled_port()), 'Z');
  EXPECT_TRUE(harness.eventually([&] { return harness.control().logins.size() >= 2; }));
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + 1s);
  EXPECT_EQ(enters(harness, "old"), 'E');
  EXPECT_EQ(enters(harness, "new"), 'Z');
}

TEST_F(PasswordWatchTest, a_cut_of_a_role_ends_its_sessions_and_not_those_of_others) {
  Harness harness;
  TestClient mine(harness.port()), other(harness.port());
  ASSERT_EQ(mine.connect().type, 'Z');
  ASSERT_EQ(other.connect("app_user").type, 'Z');
  Route route = test_route();
  route.roles[0].cut_before = now() + 1ms;
  harness.publish({route});
  EXPECT_EQ(mine.read().error().sqlstate, "57P01");
  EXPECT_EQ(other.query("SELECT 1"), "1");
}

}  // namespace
}  // namespace howdah::gate
