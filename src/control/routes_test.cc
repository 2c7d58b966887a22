// SPDX-License-Identifier: Apache-2.0
#include "control/routes.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "net/run.h"

namespace howdah::control {
namespace {

constexpr const char* kDatabase = "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b";
constexpr const char* kOther = "11111111-3d3e-4c0e-9a5c-0f3f7c1d2e4b";

// Stands for ApiKeys: the key is the scope, "database" a write key of one database.
Result<Principal> authenticate(const http::Request& request) {
  const auto key = request.headers.find("X-API-Key");
  if (key == request.headers.end()) return fail(ErrorCode::unauthorized, "no key");
  Principal principal;
  principal.actor = key->second;
  if (key->second == "write" || key->second == "database") principal.scope = Scope::write;
  if (key->second == "admin" || key->second == "local") principal.scope = Scope::admin;
  if (key->second == "database") principal.database_id = DatabaseId(kDatabase);
  principal.local = key->second == "local";
  if (!principal.local) principal.key_id = key->second;
  return principal;
}

int answered = 0;

Task<http::Response> answer(Call call) {
  ++answered;
  http::Response response;
  response.body = call.caller.actor;
  co_return response;
}

Task<http::Response> undeclared(http::Request) {
  co_return http::Response{};
}

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    add("/open", Access::open);
    add("/api/read", Access::read);
    add("/api/write", Access::write);
    add("/api/admin", Access::admin);
    add("/internal", Access::local);
    add("/api/databases/{id}", Access::read);
    add("/api/databases/{id}/stats", Access::read);
    routes.add_for_any_key(http::Method::get, "/api/operations/{id}", Access::read, answer);
    router.add(http::Method::get, "/behind", undeclared);
  }
  void add(const std::string& pattern, Access access) {
    routes.add(http::Method::get, pattern, access, answer);
  }
  int ask(std::string path, const std::string& key, http::Method method = http::Method::get) {
    http::Request request;
    request.method = method;
    request.path = std::move(path);
    if (!key.empty()) request.headers["X-API-Key"] = key;
    asio::io_context io;
    const auto dispatch = [](const http::Router& to, http::Request what,
                             http::Response& out) -> Task<void> {
      out = co_await to.dispatch(std::move(what));
      co_return Result<void>{};
    };
    EXPECT_TRUE(net::run(io, dispatch(router, std::move(request), last)));
    return last.status;
  }

  void SetUp() override { answered = 0; }

  http::Router router;
  Routes routes{router, authenticate};
  http::Response last;
};

TEST_F(RoutesTest, each_scope_includes_the_ones_before_it) {
  const std::vector<std::string> paths{"/api/read", "/api/write", "/api/admin"};
  const std::vector<std::string> keys{"read", "write", "admin"};
  for (std::size_t path = 0; path < paths.size(); ++path) {
    for (std::size_t key = 0; key < keys.size(); ++key) {
      EXPECT_EQ(ask(paths[path], keys[key]), key >= path ? 200 : 403) << paths[path] << keys[key];
    }
    EXPECT_EQ(ask(paths[path], ""), 401);
  }
}

TEST_F(RoutesTest, an_open_route_needs_no_key) {
  EXPECT_EQ(ask("/open", ""), 200);
}

TEST_F(RoutesTest, a_local_route_is_not_for_any_key) {
  EXPECT_EQ(ask("/internal", "admin"), 403);
  EXPECT_EQ(ask("/internal", "local"), 200);
  EXPECT_EQ(ask("/internal", ""), 401);
}

TEST_F(RoutesTest, a_key_of_one_database_reaches_it_and_nothing_else) {
  const std::string base = "/api/databases/";
  EXPECT_EQ(ask(base + kDatabase, "database"), 200);
  EXPECT_EQ(ask(base + kDatabase + "/stats", "database"), 200);
  EXPECT_EQ(ask(base + kOther, "database"), 403);
  EXPECT_EQ(ask(base + kOther + "/stats", "database"), 403);
  EXPECT_EQ(ask("/api/write", "database"), 403);
  EXPECT_EQ(ask(std::string("/api/operations/") + kOther, "database"), 200);  // its handler looks
}

TEST_F(RoutesTest, every_api_route_is_also_reachable_under_v1_with_the_same_rules) {
  EXPECT_EQ(ask("/api/v1/admin", "admin"), 200);
  EXPECT_EQ(ask("/api/v1/admin", "write"), 403);
  EXPECT_EQ(ask(std::string("/api/v1/databases/") + kOther, "database"), 403);
}

TEST_F(RoutesTest, a_route_that_declares_no_access_is_refused) {
  EXPECT_EQ(ask("/behind", "admin"), 403);
}

TEST_F(RoutesTest, a_route_that_declares_no_access_is_found_before_the_first_request) {
  const auto checked = routes.check_complete();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("GET /behind"), std::string::npos);
  http::Router other;
  Routes complete(other, authenticate);
  complete.add(http::Method::get, "/api/read", Access::read, answer);
  EXPECT_TRUE(complete.check_complete());
}

TEST_F(RoutesTest, head_is_checked_as_get) {
  EXPECT_EQ(ask("/api/read", "read", http::Method::head), 200);
  EXPECT_EQ(ask("/api/read", "", http::Method::head), 401);
}

TEST_F(RoutesTest, a_call_that_nobody_may_make_so_often_is_refused_with_a_time) {
  RateLimits limits({{1, 2}, {1, 2}, {1, 2}});
  routes.limit_with(limits);
  EXPECT_EQ(ask("/api/read", "limited"), 200);
  EXPECT_EQ(last.headers.at("RateLimit"), "\"read\";r=1;t=0");
  EXPECT_EQ(ask("/api/read", "limited"), 200);
  EXPECT_EQ(ask("/api/read", "limited"), 429);
  EXPECT_EQ(last.headers.at("Retry-After"), "1");
  EXPECT_EQ(ask("/api/read", "local"), 200) << "needs no key";
  EXPECT_EQ(ask("/open", "limited"), 200);
}

TEST_F(RoutesTest, failed_authentication_is_limited_by_address) {
  RateLimits limits({{1, 9}, {1, 9}, {1, 2}});
  routes.limit_with(limits);
  EXPECT_EQ(ask("/api/read", ""), 401);
  EXPECT_EQ(ask("/api/read", ""), 401);
  EXPECT_EQ(ask("/api/read", ""), 429);
}

TEST_F(RoutesTest, kept_answers_are_given_again_until_something_changes) {
  std::uint64_t version = 1;
  AnswerCache answers([&version] { return version; });
  routes.answer_from(answers);
  routes.keep_answers("/api/read");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("/api/read", "read"), 200);
  EXPECT_EQ(answered, 1);
  ++version;
  EXPECT_EQ(ask("/api/read", "read"), 200);
  EXPECT_EQ(answered, 2);
  EXPECT_EQ(ask("/api/read", ""), 401) << "whoever may not call gets none";
}

}  // namespace
}  // namespace howdah::control
