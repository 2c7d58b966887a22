// SPDX-License-Identifier: Apache-2.0
// The client against a real HTTP server on a unix socket that records what it is asked.
#include "nodeapi/client.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <filesystem>

#include "base/json.h"
#include "http/server.h"

namespace howdah::nodeapi {
namespace {

using http::Method;

// Answers each route with a fixed value and keeps the last request.
class FakeNode {
 public:
  FakeNode() {
    std::string name = "/tmp/howdah-nodeapi-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    instance_.id = InstanceId("i-1");
    instance_.state = InstanceState::running;
    answer(Method::get, "/v1/status", to_json(NodeStatus{}));
    answer(Method::get, "/v1/instances", instances_to_json({instance_, instance_}));
    answer(Method::get, "/v1/instances/{id}", to_json(instance_));
    answer(Method::post, "/v1/claims", to_json(instance_));
    answer(Method::post, "/v1/instances/{id}/acquire", to_json(instance_));
    answer(Method::post, "/v1/holds/renew", renewed_to_json({instance_.id}));
    answer(Method::del, "/v1/instances/{id}/holds/{holder}", json::object());
    answer(Method::patch, "/v1/instances/{id}", to_json(instance_));
    answer(Method::post, "/v1/instances/{id}/stop", to_json(instance_));
    answer(Method::del, "/v1/instances/{id}", json::object());
    answer(Method::get, "/v1/journal", to_json(JournalPage{"b", {}}));
    answer(Method::post, "/v1/shutdown", json::object());
    server_.serve(net::listen_unix(io_.get_executor(), socket_path(), 0600).value());
  }
  ~FakeNode() {
    asio::co_spawn(io_, server_.stop(milliseconds{1000}), [](const std::exception_ptr&) {});
    io_.restart();
    io_.run();
    std::filesystem::remove_all(folder_);
  }

  std::string socket_path() const { return folder_ / "node.sock"; }
  void fail_with(Error error) { error_ = std::move(error); }
  const http::Request& last() const { return last_; }

  // Makes one call and runs until it has its result.
  template <typename T, typename Call>
  Result<T> run(Call call) {
    Client client(io_.get_executor(), socket_path());
    std::optional<Result<T>> result;
    asio::co_spawn(io_, call(client),
                   [&](std::exception_ptr, Result<T> value) { result = std::move(value); });
    io_.restart();
    while (!result) io_.run_one();
    return *std::move(result);
  }

 private:
  void answer(Method method, std::string pattern, json::value body) {
    router_.add(method, std::move(pattern),
                std::bind_front(&FakeNode::respond, this, std::move(body)));
  }
  Task<http::Response> respond(json::value body, http::Request request) {
    last_ = std::move(request);
    if (error_) co_return std::unexpected(*error_);
    co_return http::json_response(200, body);
  }

  std::filesystem::path folder_;
  asio::io_context io_;
  http::Router router_;
  http::Server server_{io_.get_executor(), router_};
  Instance instance_;
  std::optional<Error> error_;
  http::Request last_;
};

TEST(NodeClient, reads_status_instances_and_one_instance) {
  FakeNode node;
  EXPECT_TRUE(node.run<NodeStatus>([](Client& c) { return c.status(); }));
  EXPECT_EQ(node.last().path, "/v1/status");
  const auto all = node.run<std::vector<Instance>>([](Client& c) { return c.instances(); });
  ASSERT_TRUE(all) << all.error().to_log();
  EXPECT_EQ(all->size(), 2U);
  const auto one = node.run<Instance>([](Client& c) { return c.instance(InstanceId("i-1")); });
  ASSERT_TRUE(one) << one.error().to_log();
  EXPECT_EQ(one->state, InstanceState::running);
  EXPECT_EQ(node.last().parameters.at("id"), "i-1");
}

TEST(NodeClient, sends_claims_and_settings_as_the_format_page_says) {
  FakeNode node;
  ASSERT_TRUE(node.run<Instance>([](Client& c) { return c.claim({.token = "branch"}); }));
  EXPECT_EQ(claim_request_from_json(*parse_json(node.last().body))->token, "branch");
  ASSERT_TRUE(node.run<Instance>(
      [](Client& c) { return c.configure(InstanceId("i-1"), {.max_connections = 50}); }));
  EXPECT_EQ(node.last().body, R"({"max_connections":50})");
}

TEST(NodeClient, takes_renews_and_releases_holds) {
  FakeNode node;
  ASSERT_TRUE(node.run<Instance>([](Client& c) {
    return c.acquire(InstanceId("i-1"), {.holder = "gate:4f2a", .reason = "session"});
  }));
  EXPECT_EQ(acquire_request_from_json(*parse_json(node.last().body))->holder, "gate:4f2a");
  const auto renewed = node.run<std::vector<InstanceId>>(
      [](Client& c) { return c.renew("gate:4f2a", {InstanceId("i-1"), InstanceId("i-2")}, 60); });
  ASSERT_TRUE(renewed) << renewed.error().to_log();
  EXPECT_EQ(renewed->size(), 1U);
  ASSERT_TRUE(node.run<void>([](Client& c) { return c.release(InstanceId("i-1"), "gate:4f2a"); }));
  EXPECT_EQ(node.last().parameters.at("holder"), "gate:4f2a");
}

TEST(NodeClient, stops_removes_and_shuts_down) {
  FakeNode node;
  ASSERT_TRUE(node.run<Instance>([](Client& c) { return c.stop(InstanceId("i-1"), true); }));
  EXPECT_TRUE(stop_request_from_json(*parse_json(node.last().body))->force);
  ASSERT_TRUE(node.run<void>([](Client& c) { return c.remove(InstanceId("i-1"), true); }));
  EXPECT_EQ(node.last().query, (http::Query{{"force", "true"}}));
  ASSERT_TRUE(node.run<void>([](Client& c) { return c.remove(InstanceId("i-1"), false); }));
  EXPECT_TRUE(node.last().query.empty());
  ASSERT_TRUE(node.run<void>([](Client& c) { return c.shutdown(); }));
}

TEST(NodeClient, asks_for_the_journal_after_a_sequence) {
  FakeNode node;
  const auto page =
      node.run<JournalPage>([](Client& c) { return c.journal(812, milliseconds{1500}); });
  ASSERT_TRUE(page) << page.error().to_log();
  EXPECT_EQ(node.last().query, (http::Query{{"after", "812"}, {"wait_ms", "1500"}}));
}

TEST(NodeClient, an_error_of_the_node_keeps_its_code_and_hint) {
  FakeNode node;
  node.fail_with(Error{ErrorCode::instance_held, "a backup holds it", "wait", {}, {}, {}});
  const auto stopped =
      node.run<Instance>([](Client& c) { return c.stop(InstanceId("i-1"), false); });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::instance_held);
  EXPECT_EQ(stopped.error().hint, "wait");
}

TEST(NodeClient, removing_what_is_gone_succeeds) {
  FakeNode node;
  node.fail_with(Error{ErrorCode::not_found, "gone", {}, {}, {}, {}});
  EXPECT_TRUE(node.run<void>([](Client& c) { return c.remove(InstanceId("i-1"), false); }));
}

TEST(NodeClient, an_id_that_would_change_the_path_is_never_sent) {
  FakeNode node;
  for (const char* id : {"", "..", "i-1/stop", "i-1?force=true", "I-1"}) {
    const auto removed =
        node.run<void>([id](Client& c) { return c.remove(InstanceId(id), false); });
    ASSERT_FALSE(removed) << id;
    EXPECT_EQ(removed.error().code, ErrorCode::invalid_request);
    EXPECT_FALSE(node.run<void>([id](Client& c) { return c.release(InstanceId("i-1"), id); }));
  }
  EXPECT_EQ(node.last().path, "");
}

TEST(NodeClient, nobody_listening_is_unavailable) {
  asio::io_context io;
  Client client(io.get_executor(), "/tmp/howdah-no-such-socket");
  std::optional<Result<NodeStatus>> result;
  asio::co_spawn(io, client.status(),
                 [&](std::exception_ptr, Result<NodeStatus> value) { result = std::move(value); });
  io.run();
  ASSERT_TRUE(result && !*result);
  EXPECT_EQ(result->error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace howdah::nodeapi
