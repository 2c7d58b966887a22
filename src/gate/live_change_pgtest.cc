// SPDX-License-Identifier: Apache-2.0
// Changes that reach sessions while they live: routes, rules, cancels, shutdown; and bulk data.
#include <gtest/gtest.h>

#include <boost/asio/use_future.hpp>
#include <thread>

#include "gate/fixture.h"
#include "http/client.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

class LiveChange : public testing::Test {
 protected:
  LiveChange() { TestInstance::get().start(); }

  static std::string backends() {
    return TestInstance::get().sql(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'user_aaaaaaaa'");
  }
};

TEST_F(LiveChange, a_session_ends_with_a_clear_message_when_its_branch_is_paused) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  Route route = test_route();
  route.state = RouteState::paused;
  harness.publish({route});
  const auto reply = client.read();
  EXPECT_EQ(reply.error().sqlstate, "57P01");
  EXPECT_NE(reply.error().message.find("paused"), std::string::npos);
  EXPECT_EQ(client.read().type, 0);
}

TEST_F(LiveChange, a_session_ends_when_its_route_is_removed) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  harness.publish({}, {BranchId("branch-a")});
  EXPECT_EQ(client.read().error().sqlstate, "57P01");
}

TEST_F(LiveChange, a_branch_that_goes_while_its_password_is_asked_for_is_unknown) {
  Harness harness;
  TestClient client(harness.port());
  client.start_tls();
  client.send_startup(std::string(kUser), std::string(kDatabase));
  ASSERT_TRUE(harness.eventually([&] { return client.socket().available() > 0; }));
  std::this_thread::sleep_for(100ms);  // the first bytes may be TLS's own
  harness.publish({}, {BranchId("branch-a")});
  EXPECT_EQ(client.log_in(std::string(kPassword)).error().sqlstate,
            info_of(ErrorCode::database_unknown).sqlstate);
}

TEST_F(LiveChange, a_long_statement_of_a_cut_session_is_stopped_in_the_instance) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  client.send(query_message("SELECT pg_sleep(60)"));
  ASSERT_TRUE(harness.eventually([] { return backends() == "1"; }));
  harness.publish({}, {BranchId("branch-a")});
  EXPECT_EQ(client.read().error().sqlstate, "57P01");
  EXPECT_TRUE(harness.eventually([] { return backends() == "0"; }));
}

TEST_F(LiveChange, a_rule_that_leaves_an_address_out_cuts_its_sessions_only) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  Route route = test_route();
  route.rules = {{"127.0.0.0/8", {}}};
  harness.publish({route});
  EXPECT_EQ(client.query("SELECT 1"), "1");
  route.rules = {{"198.51.100.7", {}}};
  harness.publish({route});
  EXPECT_EQ(client.read().error().sqlstate, "57P01");
}

TEST_F(LiveChange, a_rule_that_expires_cuts_its_sessions_without_another_message) {
  Route route = test_route();
  route.rules = {{"127.0.0.1", now() + 700ms}};
  Harness harness({.routes = {route}});
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_EQ(client.read().error().sqlstate, "57P01");
  EXPECT_GE(now(), *route.rules[0].expires_at);
}

TEST_F(LiveChange, a_cancel_reaches_the_clients_own_statement) {
  Harness harness;
  TestClient client(harness.port()), other(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  ASSERT_EQ(other.connect().type, 'Z');
  for (const bool under_tls : {false, true}) {
    client.send(query_message("SELECT pg_sleep(60)"));
    std::this_thread::sleep_for(100ms);
    TestClient canceller(harness.port());
    if (under_tls) canceller.start_tls();
    canceller.send(pgwire::build_cancel_request({client.key->process_id, client.key->secret}));
    EXPECT_EQ(canceller.receive(1), "") << "no answer, only the end";
    std::string seen;
    for (auto reply = client.read(); reply.type != 'Z' && reply.type != 0; reply = client.read()) {
      if (reply.type == 'E') seen = reply.error().sqlstate;
    }
    EXPECT_EQ(seen, "57014");
    EXPECT_EQ(other.query("SELECT 1"), "1");
  }
}

TEST_F(LiveChange, a_cancel_with_a_wrong_key_does_nothing_and_says_nothing) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  client.send(query_message("SELECT pg_sleep(0.5), 7"));
  std::string secret = client.key->secret;
  secret[0] = static_cast<char>(secret[0] ^ 1);
  TestClient canceller(harness.port());
  canceller.send(pgwire::build_cancel_request({client.key->process_id, secret}));
  EXPECT_EQ(canceller.receive(1), "");
  std::string seen;
  for (auto reply = client.read(); reply.type != 'Z' && reply.type != 0; reply = client.read()) {
    seen += reply.type;
  }
  EXPECT_EQ(seen, "TDC");
}

TEST_F(LiveChange, a_client_is_told_the_process_id_of_its_server) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_EQ(client.query("SELECT pg_backend_pid()"), std::to_string(client.key->process_id));
}

TEST_F(LiveChange, idle_sessions_are_told_that_the_gate_stops) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  harness.stop_gate(5s);
  const auto reply = client.read();
  EXPECT_EQ(reply.error().sqlstate, "57P01");
  EXPECT_NE(reply.error().message.find("shutting down"), std::string::npos);
}

TEST_F(LiveChange, a_notification_arrives_at_a_client_that_waits) {
  Harness harness;
  TestClient listener(harness.port()), notifier(harness.port());
  ASSERT_EQ(listener.connect().type, 'Z');
  ASSERT_EQ(notifier.connect().type, 'Z');
  listener.query("LISTEN news");
  notifier.query("NOTIFY news, 'hello'");
  EXPECT_EQ(listener.read().type, 'A');
}

TEST_F(LiveChange, a_large_result_arrives_whole_over_tls) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  client.send(query_message("SELECT repeat(md5(i::text), 1000) FROM generate_series(1, 500) i"));
  std::size_t bytes = 0, rows = 0;
  for (auto reply = client.read(); reply.type != 'Z'; reply = client.read()) {
    ASSERT_NE(reply.type, 0);
    if (reply.type != 'D') continue;
    ++rows;
    bytes += reply.body.size();
  }
  EXPECT_EQ(rows, 500u);
  EXPECT_EQ(bytes, 500u * (32'000 + 6));
}

TEST_F(LiveChange, a_large_copy_in_arrives_whole_over_tls) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  client.query("CREATE TEMPORARY TABLE rows (line text)");
  client.send(query_message("COPY rows FROM STDIN"));
  ASSERT_EQ(client.read().type, 'G');
  const std::string line = std::string(999, 'x') + "\n";
  for (int i = 0; i < 10'000; ++i) client.send(pgwire::build_message('d', line));
  client.send(pgwire::build_message('c', ""));
  while (client.read().type != 'Z') {
  }
  EXPECT_EQ(client.query("SELECT sum(length(line)) FROM rows"), "9990000");
}

class Routes : public LiveChange {};

TEST_F(Routes, a_gate_serves_from_its_file_when_howdahd_is_down) {
  {
    Harness harness;
  }
  Harness harness({.with_control = false, .fresh_files = false});
  TestClient client(harness.port());
  EXPECT_EQ(client.connect().type, 'Z');
}

TEST_F(Routes, a_change_is_on_disk_when_it_is_acknowledged) {
  {
    Harness harness;
    Route route = test_route();
    route.state = RouteState::paused;
    harness.publish({route});
  }
  Harness harness({.with_control = false, .fresh_files = false});
  TestClient client(harness.port());
  EXPECT_EQ(client.connect().error().sqlstate, "57P03");
}

TEST_F(Routes, a_gate_says_what_it_has_kept) {
  {
    Harness harness;
    harness.publish({test_route()});
  }
  Harness harness({.fresh_files = false});
  ASSERT_TRUE(harness.eventually([&] { return !harness.control().hellos.empty(); }));
  EXPECT_EQ(harness.on_loop([&] { return harness.control().hellos.at(0).version; }), 2u);
}

TEST_F(Routes, a_change_that_does_not_fit_makes_the_gate_ask_for_everything) {
  Harness harness;
  harness.on_loop([&] {
    harness.control().version += 5;
    harness.control().publish({});
  });
  EXPECT_TRUE(harness.eventually([&] {
    return harness.control().hellos.size() > 1 && harness.control().hellos.back().version == 0;
  }));
  TestClient client(harness.port());
  EXPECT_EQ(client.connect().type, 'Z') << "and serves what it has meanwhile";
}

TEST_F(Routes, a_change_that_cannot_be_saved_is_in_force_but_not_acknowledged) {
  Harness harness;
  const os::Path directory = harness.config().own_directory();
  const os::Path aside = directory.string() + ".aside";
  std::filesystem::rename(directory, aside);
  Route route = test_route();
  route.state = RouteState::paused;
  harness.on_loop([&] {
    RouteUpdate update;
    update.upserted = {route};
    // Large enough to be written anew, since a file that is open can be appended to.
    update.snapshot = true;
    harness.control().publish(std::move(update));
  });
  TestClient client(harness.port());
  ASSERT_TRUE(harness.eventually([&] { return harness.gate().route_version() == 2; }));
  EXPECT_EQ(client.connect().error().sqlstate, "57P03");
  EXPECT_EQ(harness.on_loop([&] { return harness.control().acked; }), 1u);
  std::filesystem::rename(aside, directory);
  EXPECT_TRUE(harness.eventually([&] { return harness.control().acked == 2; })) << "when it can";
}

TEST_F(Routes, open_sessions_and_activity_are_reported) {
  Harness harness;
  const Timestamp before = now();
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  EXPECT_TRUE(harness.eventually([&] {
    const auto& use = harness.control().use;
    return !use.empty() && use.back().branch_id == BranchId("branch-a") &&
           use.back().open_sessions == 1 && use.back().last_activity >= before;
  }));
  const std::size_t reports = harness.on_loop([&] { return harness.control().use.size(); });
  std::this_thread::sleep_for(1500ms);
  EXPECT_EQ(harness.on_loop([&] { return harness.control().use.size(); }), reports)
      << "nothing changed, nothing is said";
}

TEST_F(Routes, status_and_metrics_are_told_on_the_gates_own_socket) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  asio::io_context context;
  http::Client http(context.get_executor(), (harness.config().runtime_dir / "gate.sock").string());
  auto status = asio::co_spawn(context, http.call(http::Method::get, "/v1/status", {}, {}, 5s),
                               asio::use_future);
  auto metrics = asio::co_spawn(context, http.send({.path = "/metrics"}, 5s), asio::use_future);
  context.run();
  const auto shown = status.get();
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->at("sessions").as_int64(), 1);
  EXPECT_EQ(shown->at("routes").as_int64(), 1);
  EXPECT_EQ(shown->at("route_stream_connected").as_bool(), true);
  EXPECT_EQ(shown->at("direct_port").as_int64(), harness.port());
  EXPECT_NE(metrics.get()->body.find("howdah_gate_sessions_total 1\n"), std::string::npos);
}

TEST_F(Routes, clients_are_listed_and_one_is_cut_on_the_gates_own_socket) {
  Harness harness;
  TestClient client(harness.port());
  ASSERT_EQ(client.connect().type, 'Z');
  const auto ask = [&harness](http::Method method, std::string path, std::string branch) {
    asio::io_context context;
    http::Client http(context.get_executor(),
                      (harness.config().runtime_dir / "gate.sock").string());
    auto answer = asio::co_spawn(
        context, http.call(method, std::move(path), {{"branch", std::move(branch)}}, {}, 5s),
        asio::use_future);
    context.run();
    return answer.get();
  };
  const std::string branch = test_route().branch_id.str();
  const auto listed = ask(http::Method::get, "/v1/clients", branch);
  ASSERT_TRUE(listed) << listed.error().to_log();
  const auto& clients = listed->at("clients").as_array();
  ASSERT_EQ(clients.size(), 1U);
  EXPECT_EQ(clients[0].at("role").as_string(), kUser);
  EXPECT_EQ(clients[0].at("database").as_string(), kDatabase);
  EXPECT_EQ(clients[0].at("state").as_string(), "idle");
  EXPECT_EQ(clients[0].at("tls_version").as_string(), "TLSv1.3");
  EXPECT_GT(clients[0].at("server_pid").to_number<int>(), 0);
  const auto pools = ask(http::Method::get, "/v1/pools", branch);
  ASSERT_TRUE(pools);
  EXPECT_EQ(pools->at("pools").as_array().at(0).at("idle_servers").to_number<int>(), 1);

  const std::string path =
      "/v1/clients/" + std::to_string(clients[0].at("number").to_number<int>());
  EXPECT_FALSE(ask(http::Method::del, path, "another"));
  EXPECT_TRUE(ask(http::Method::del, path, branch));
  const auto last = client.read();
  EXPECT_EQ(last.type, 'E');
  EXPECT_NE(last.body.find("57P01"), std::string::npos);
  EXPECT_FALSE(ask(http::Method::del, path, branch));
}

}  // namespace
}  // namespace howdah::gate
