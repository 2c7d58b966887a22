// SPDX-License-Identifier: Apache-2.0
#include "control/answer_cache.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

class AnswerCacheTest : public ::testing::Test {
 protected:
  http::Response answer(std::string body, int status = 200) {
    http::Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
  }
  std::string found(const std::string& key, AnswerCache::Time at = {}) {
    const http::Response* response = cache.find(key, at);
    return response == nullptr ? "none" : response->body;
  }

  std::uint64_t version = 1;
  AnswerCache cache{[this] { return version; }};
};

TEST_F(AnswerCacheTest, gives_an_answer_again_until_something_changes) {
  cache.keep("a", cache.version(), answer("x"), {});
  EXPECT_EQ(found("a"), "x");
  EXPECT_EQ(found("b"), "none");
  ++version;
  EXPECT_EQ(found("a"), "none");
}

// A change that began or ended while the answer was made may or may not be in it.
TEST_F(AnswerCacheTest, an_answer_that_was_overtaken_is_not_kept) {
  const std::uint64_t asked_at = cache.version();
  ++version;
  cache.keep("a", asked_at, answer("old"), {});
  EXPECT_EQ(found("a"), "none");
}

TEST_F(AnswerCacheTest, nothing_is_older_than_a_second) {
  cache.keep("a", version, answer("x"), {});
  EXPECT_EQ(found("a", AnswerCache::Time{1s}), "x");
  EXPECT_EQ(found("a", AnswerCache::Time{1001ms}), "none");
}

TEST_F(AnswerCacheTest, errors_are_not_kept) {
  cache.keep("a", version, answer("x", 404), {});
  EXPECT_EQ(found("a"), "none");
}

TEST_F(AnswerCacheTest, has_a_limit) {
  for (std::size_t i = 0; i < 3 * AnswerCache::kAnswersMax; ++i) {
    cache.keep(std::to_string(i), version, answer("x"), {});
  }
  EXPECT_EQ(found("0"), "none");
  EXPECT_EQ(found(std::to_string(3 * AnswerCache::kAnswersMax - 1)), "x");
}

TEST(AnswerKey, differs_where_answers_may_differ) {
  http::Request request;
  request.path = "/api/databases";
  Principal caller;
  const std::string plain = AnswerCache::key_of(request, caller);
  http::Request paged = request;
  paged.query = {{"limit", "1"}};
  EXPECT_NE(AnswerCache::key_of(paged, caller), plain);
  Principal narrow = caller;
  narrow.database_id = DatabaseId("0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b");
  EXPECT_NE(AnswerCache::key_of(request, narrow), plain);
  Principal admin = caller;
  admin.scope = Scope::admin;
  EXPECT_NE(AnswerCache::key_of(request, admin), plain);
  // Two parameters are not one with the other's name in its value.
  http::Request two = request, one = request;
  two.query = {{"a", "b"}, {"c", "d"}};
  one.query = {{"a", "b&c=d"}};
  EXPECT_NE(AnswerCache::key_of(two, caller), AnswerCache::key_of(one, caller));
}

TEST(AnswerKey, a_conditional_request_is_never_answered_from_here) {
  http::Request request;
  request.path = "/api/databases";
  request.headers["If-None-Match"] = "\"x\"";
  EXPECT_EQ(AnswerCache::key_of(request, {}), "");
}

}  // namespace
}  // namespace howdah::control
