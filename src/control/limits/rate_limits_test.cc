// SPDX-License-Identifier: Apache-2.0
#include "control/limits/rate_limits.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace howdah::control {
namespace {

using http::Method;

Principal caller_with(const std::string& key) {
  Principal caller;
  caller.key_id = key;
  return caller;
}

http::Request from(const std::string& address) {
  http::Request request;
  request.path = "/api/databases";
  request.remote_address = address;
  return request;
}

RateLimitConfig tight() {
  return {{1, 4}, {1, 2}, {1, 3}};
}

TEST(RateLimits, reads_and_writes_of_a_key_are_counted_apart) {
  RateLimits limits(tight());
  const Principal caller = caller_with("a");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(limits.take(caller, Method::post)->allowed);
  EXPECT_FALSE(limits.take(caller, Method::del)->allowed);
  EXPECT_TRUE(limits.take(caller, Method::get)->allowed);
  EXPECT_TRUE(limits.take(caller_with("b"), Method::patch)->allowed);
}

TEST(RateLimits, whoever_needs_no_key_is_exempt) {
  RateLimits limits(tight());
  Principal local;
  local.local = true;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limits.take(local, Method::post));
}

TEST(RateLimits, a_refusal_says_when_to_come_back) {
  RateLimits limits(tight());
  const Principal caller = caller_with("a");
  for (int i = 0; i < 2; ++i) (void)limits.take(caller, Method::post);
  const http::Response refusal =
      limits.refusal(*limits.take(caller, Method::post), from("192.0.2.1"));
  EXPECT_EQ(refusal.status, 429);
  EXPECT_EQ(refusal.headers.at("Retry-After"), "1");
  EXPECT_EQ(refusal.headers.at("RateLimit-Policy"), "\"write\";q=2;w=2");
  EXPECT_EQ(refusal.headers.at("RateLimit"), "\"write\";r=0;t=1");
  EXPECT_EQ(parse_json(refusal.body)->at("code"), "rate_limited");
}

TEST(RateLimits, an_answer_says_what_is_left) {
  RateLimits limits(tight());
  http::Response response;
  limits.add_headers(response, *limits.take(caller_with("a"), Method::get));
  EXPECT_EQ(response.headers.at("RateLimit-Policy"), "\"read\";q=4;w=4");
  EXPECT_EQ(response.headers.at("RateLimit"), "\"read\";r=3;t=0");
}

TEST(RateLimits, an_address_that_fails_too_often_is_held_back_and_its_regulars_are_not) {
  RateLimits limits(tight());
  const http::Request here = from("192.0.2.1");
  EXPECT_TRUE(limits.check_address(caller_with("regular"), here).allowed);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limits.fail_from(here).allowed);
  EXPECT_FALSE(limits.fail_from(here).allowed);
  EXPECT_FALSE(limits.check_address(caller_with("guessed"), here).allowed)
      << "a guess that is right must not be told from a wrong one";
  EXPECT_TRUE(limits.check_address(caller_with("regular"), here).allowed);
  EXPECT_TRUE(limits.check_address(caller_with("guessed"), from("192.0.2.2")).allowed);
}

TEST(RateLimits, an_ipv6_client_is_its_whole_network) {
  RateLimits limits(tight());
  for (int i = 0; i < 3; ++i) {
    (void)limits.fail_from(from("2001:db8::" + std::to_string(i + 1)));
  }
  EXPECT_FALSE(limits.fail_from(from("2001:db8::9")).allowed);
  EXPECT_TRUE(limits.fail_from(from("2001:db8:0:1::9")).allowed);
}

TEST(RateLimitConfig, is_read_in_parts_and_keeps_its_defaults) {
  const auto config = parse_rate_limits("writes=5:10,failures=1:2");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->writes.per_second, 5);
  EXPECT_EQ(config->writes.burst, 10);
  EXPECT_EQ(config->failures.burst, 2);
  EXPECT_EQ(config->reads.burst, RateLimitConfig{}.reads.burst);
  EXPECT_TRUE(parse_rate_limits(""));
  for (const char* text : {"writes", "writes=5", "writes=5:", "writes=0:1", "writes=1:0",
                           "writes=-1:5", "all=5:5", "writes=1:2000000000", "5:5=writes"}) {
    const auto wrong = parse_rate_limits(text);
    ASSERT_FALSE(wrong) << text;
    EXPECT_EQ(wrong.error().code, ErrorCode::config_invalid);
  }
}

}  // namespace
}  // namespace howdah::control
