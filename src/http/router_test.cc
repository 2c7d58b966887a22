// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <stdexcept>

#include "base/json.h"

namespace howdah::http {
namespace {

// Answers with its own name, the pattern and the parameters.
Task<Response> echo(std::string name, Request request) {
  Response response;
  response.body = name + " " + std::string(request.pattern);
  for (const auto& [key, value] : request.parameters) response.body += " " + key + "=" + value;
  co_return response;
}
Task<Response> refuse(Request) {
  co_return fail(ErrorCode::conflict, "it is busy");
}
Task<Response> explode(Request) {
  throw std::runtime_error("secret detail");
  co_return Response();
}
Task<void> need_key(Request& request) {
  if (!request.headers.contains("X-API-Key")) {
    co_return fail(ErrorCode::unauthorized, "no key");
  }
  request.principal = std::string("key-1");
  co_return Result<void>{};
}
Task<Response> who(Request request) {
  co_return Response{200, {}, std::any_cast<std::string>(request.principal), nullptr};
}

asio::awaitable<void> store(const Router& router, Request request, Response& response) {
  response = co_await router.dispatch(std::move(request));
}

Response dispatch(const Router& router, Method method, std::string path, Headers headers = {}) {
  asio::io_context io;
  Response response;
  Request request;
  request.method = method;
  request.path = std::move(path);
  request.headers = std::move(headers);
  request.request_id = "r1";
  asio::co_spawn(io, store(router, std::move(request), response),
                 [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
  io.run();
  return response;
}

Router make_router() {
  Router router;
  router.add(Method::get, "/a/{id}", std::bind_front(echo, "show"));
  router.add(Method::get, "/a/list", std::bind_front(echo, "list"));
  router.add(Method::get, "/a/{x}/deep/{y}", std::bind_front(echo, "deep"));
  router.add(Method::get, "/a/list/other", std::bind_front(echo, "other"));
  router.add(Method::del, "/a/{id}", std::bind_front(echo, "delete"));
  router.add(Method::post, "/refuse", refuse);
  router.add(Method::get, "/explode", explode);
  return router;
}

TEST(Router, literal_segments_win_over_parameters) {
  const Router router = make_router();
  EXPECT_EQ(dispatch(router, Method::get, "/a/1").body, "show /a/{id} id=1");
  EXPECT_EQ(dispatch(router, Method::get, "/a/list").body, "list /a/list");
  EXPECT_EQ(dispatch(router, Method::get, "/a/1/").body, "show /a/{id} id=1");
}

TEST(Router, a_literal_that_leads_nowhere_gives_way_to_the_parameter) {
  const Router router = make_router();
  EXPECT_EQ(dispatch(router, Method::get, "/a/list/deep/2").body,
            "deep /a/{x}/deep/{y} x=list y=2");
}

TEST(Router, unknown_paths_and_methods_are_problems) {
  const Router router = make_router();
  for (const char* path : {"/", "/b", "/a", "/a//", "//a/1", "/a/1/deep", "/a//deep/2"}) {
    EXPECT_EQ(dispatch(router, Method::get, path).status, 404) << path;
  }
  const Response response = dispatch(router, Method::post, "/a/1");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.headers.at("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(parse_json(response.body)->at("code"), "method_not_allowed");
}

TEST(Router, errors_become_problems_with_the_path_and_request_id) {
  const Router router = make_router();
  const Response response = dispatch(router, Method::post, "/refuse");
  EXPECT_EQ(response.status, 409);
  const auto body = parse_json(response.body);
  EXPECT_EQ(body->at("instance"), "/refuse");
  EXPECT_EQ(body->at("request_id"), "r1");
  EXPECT_EQ(body->at("message"), "it is busy");
}

TEST(Router, an_exception_is_an_internal_error_that_tells_nothing) {
  const Router router = make_router();
  const Response response = dispatch(router, Method::get, "/explode");
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("secret"), std::string::npos);
}

TEST(Router, head_is_get_without_the_body) {
  const Router router = make_router();
  const Response response = dispatch(router, Method::head, "/a/list");
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.body.empty());
  EXPECT_EQ(response.headers.at("Content-Length"), "12");
}

TEST(Router, filters_run_before_handlers_and_not_for_unknown_paths) {
  Router router;
  router.add(Method::get, "/who", who);
  router.before(need_key);
  const Response refused = dispatch(router, Method::get, "/who");
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(dispatch(router, Method::get, "/who", {{"X-API-Key", "k"}}).body, "key-1");
  EXPECT_EQ(dispatch(router, Method::get, "/none").status, 404);
}

TEST(Router, observers_see_every_response) {
  Router router = make_router();
  std::vector<std::string> seen;
  router.after([&seen](const Request& request, const Response& response, milliseconds) {
    seen.push_back(fmt::format("{} {} {}", request.path, request.pattern, response.status));
  });
  dispatch(router, Method::get, "/a/1");
  dispatch(router, Method::get, "/none");
  EXPECT_EQ(seen, (std::vector<std::string>{"/a/1 /a/{id} 200", "/none  404"}));
}

TEST(Router, adding_a_route_twice_aborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Router router = make_router();
  EXPECT_DEATH(router.add(Method::get, "/a/{other}", refuse), "two handlers for GET");
}

}  // namespace
}  // namespace howdah::http
