// SPDX-License-Identifier: Apache-2.0
// A client's way to its instance, with a real instance behind a real gate.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gate/fixture.h"

namespace howdah::gate {
namespace {

std::string psql(const Harness& harness, const std::string& settings, const std::string& sql) {
  os::SpawnOptions options;
  options.arguments = {
      "/usr/bin/psql", "-XAtq",
      fmt::format("host=localhost port={} user=user_aaaaaaaa dbname=tenant_aaaaaaaa "
                  "password='{}' sslrootcert={} {}",
                  harness.port(), kPassword,
                  (TestInstance::get().data_dir() / "tls/ca.crt").string(), settings),
      "-c", sql};
  options.environment = {"PATH=/usr/bin:/bin", "HOME=/nonexistent"};
  auto output = os::run(std::move(options), 30'000);
  return output ? output->text : output.error().to_log();
}

TEST(Session, psql_runs_a_query_over_verified_tls) {
  Harness harness;
  EXPECT_EQ(psql(harness, "sslmode=verify-full", "SELECT current_user, current_database()"),
            "user_aaaaaaaa|tenant_aaaaaaaa\n");
}

TEST(Session, psql_binds_the_password_to_the_tls_channel) {
  Harness harness;
  EXPECT_EQ(psql(harness, "sslmode=require channel_binding=require", "SELECT 1"), "1\n");
}

TEST(Session, both_ports_serve) {
  Harness harness;
  TestClient direct(harness.port()), pooled(harness.pooled_port());
  EXPECT_EQ(direct.connect().type, 'Z');
  EXPECT_EQ(pooled.connect().type, 'Z');
  EXPECT_EQ(direct.query("SELECT 41 + 1"), "42");
  EXPECT_EQ(pooled.query("SELECT 41 + 1"), "42");
}

TEST(Session, a_client_without_a_database_gets_its_tenants_own) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect("user_aaaaaaaa", "user_aaaaaaaa").type, 'Z');
  EXPECT_EQ(client.query("SELECT current_database()"), "tenant_aaaaaaaa");
}

TEST(Session, a_role_without_a_slug_is_reached_by_the_host_name) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls("aaaaaaaa.localhost");
  client.send_startup("app_user", "tenant_aaaaaaaa");
  ASSERT_EQ(client.log_in(std::string(kPassword)).type, 'Z');
  EXPECT_EQ(client.query("SELECT current_user"), "app_user");
}

TEST(Session, start_up_parameters_reach_the_instance_and_the_poolers_do_not) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls();
  client.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa",
                      {{"application_name", "shop"},
                       {"pgbouncer", "true"},
                       {"schema", "public"},
                       {"options", "-c geqo=off branch=main -c work_mem=1MB"}});
  ASSERT_EQ(client.log_in(std::string(kPassword)).type, 'Z');
  EXPECT_EQ(client.query("SHOW application_name"), "shop");
  EXPECT_EQ(client.query("SHOW geqo"), "off");
  EXPECT_EQ(client.query("SHOW work_mem"), "1MB");
}

TEST(Session, an_unknown_start_up_parameter_gets_the_instances_own_error) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls();
  client.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa", {{"colour", "blue"}});
  EXPECT_EQ(client.log_in(std::string(kPassword)).error().sqlstate, "42704");
}

TEST(Session, an_unknown_logical_database_gets_the_instances_own_error) {
  Harness harness;
  TestClient client(harness.port());
  EXPECT_EQ(client.connect("user_aaaaaaaa", "nothing_here").error().sqlstate, "3D000");
}

TEST(Session, the_parameters_of_the_instance_reach_the_client) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_NE(std::ranges::find(client.parameters, "server_version", &pgwire::Parameter::name),
            client.parameters.end());
}

TEST(Session, a_newer_protocol_is_negotiated_down) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls();
  std::string startup = pgwire::build_startup("user_aaaaaaaa", "tenant_aaaaaaaa", {});
  startup[7] = 2;  // 3.2
  client.send(startup);
  EXPECT_EQ(client.read().type, 'v');
  EXPECT_EQ(client.log_in(std::string(kPassword)).type, 'Z');
}

TEST(Session, a_paused_deleted_or_sealed_branch_says_so_to_its_owner_only) {
  Harness harness;
  const auto owner_is_told = [&harness](RouteState state) {
    Route route = test_route();
    route.state = state;
    route.sealed_reason = "masking has not finished";
    harness.publish({route});
    TestClient owner(harness.port()), stranger(harness.port());
    EXPECT_EQ(stranger.connect("user_aaaaaaaa", "tenant_aaaaaaaa", "wrong").error().sqlstate,
              "28P01");
    return owner.connect().error().sqlstate;
  };
  EXPECT_EQ(owner_is_told(RouteState::paused), info_of(ErrorCode::database_paused).sqlstate);
  EXPECT_EQ(owner_is_told(RouteState::deleted), info_of(ErrorCode::database_deleted).sqlstate);
  EXPECT_EQ(owner_is_told(RouteState::sealed), info_of(ErrorCode::unavailable).sqlstate);
}

TEST(Session, a_database_that_goes_while_its_owner_logs_in_is_unknown) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls();
  client.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa");
  const auto prompt = client.read();
  harness.publish({}, {test_route().branch_id});
  const auto reply = client.log_in(std::string(kPassword), prompt);
  EXPECT_EQ(reply.error().sqlstate, info_of(ErrorCode::database_unknown).sqlstate);
}

TEST(Session, one_session_more_than_the_limit_is_refused_until_one_ends) {
  Route route = test_route();
  route.max_connections = 2;
  Harness harness({.routes = {route}});
  TestClient first(harness.port()), third(harness.port());
  {
    TestClient second(harness.port());
    ASSERT_EQ(first.connect().type, 'Z');
    ASSERT_EQ(second.connect().type, 'Z');
    EXPECT_EQ(third.connect().error().sqlstate, "53300");
  }
  EXPECT_TRUE(harness.eventually([&] {
    return harness.control().use.size() > 0 && harness.control().use.back().open_sessions == 1;
  }));
  TestClient fourth(harness.port());
  EXPECT_EQ(fourth.connect().type, 'Z');
}

TEST(Session, wrong_passwords_do_not_use_up_the_limit) {
  Route route = test_route();
  route.max_connections = 1;
  Harness harness({.routes = {route}});
  TestClient waiting(harness.port());
  waiting.start_tls();
  waiting.send_startup("user_aaaaaaaa", "tenant_aaaaaaaa");
  ASSERT_EQ(waiting.read().type, 'R');
  TestClient client(harness.port());
  EXPECT_EQ(client.connect().type, 'Z');
}

TEST(Session, a_renewed_certificate_is_shown_after_a_reload) {
  TestInstance& instance = TestInstance::get();
  Harness harness;
  instance.make_certificate();
  EXPECT_NE(psql(harness, "sslmode=verify-full", "SELECT 1"), "1\n")
      << "control: the new CA did not issue the old certificate";
  harness.on_loop([&] { harness.gate().reload(); });
  EXPECT_EQ(psql(harness, "sslmode=verify-full channel_binding=require", "SELECT 1"), "1\n");
}

TEST(Session, a_renewed_certificate_is_shown_soon_though_nobody_says_so) {
  TestInstance& instance = TestInstance::get();
  Harness harness({.config = {.certificate_look_interval = milliseconds{20}}});
  instance.make_certificate();
  std::string answer;
  for (int attempt = 0; attempt < 50 && answer != "1\n"; ++attempt) {
    answer = psql(harness, "sslmode=verify-full channel_binding=require", "SELECT 1");
  }
  EXPECT_EQ(answer, "1\n");
}

TEST(Session, a_certificate_that_cannot_be_read_leaves_the_old_one_in_force) {
  const os::Path path = TestInstance::get().data_dir() / "tls/server.crt";
  Harness harness;
  ASSERT_TRUE(os::write_file_atomic(path, "no certificate", 0644));
  harness.on_loop([&] { harness.gate().reload(); });
  EXPECT_EQ(psql(harness, "sslmode=verify-full", "SELECT 1"), "1\n");
  TestInstance::get().make_certificate();
}

}  // namespace
}  // namespace howdah::gate
