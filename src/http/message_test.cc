// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace howdah::http {
namespace {

TEST(Problem, has_the_fields_of_the_contract_in_both_shapes) {
  Error error{ErrorCode::invalid_request, "friendlyName is required", "send it", "secret", {}, {}};
  error.fields.push_back({"/friendlyName", "is required"});
  const Response response = problem_response(error, "/api/databases", "req-1");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.headers.at("content-type"), "application/problem+json");
  EXPECT_EQ(response.body,
            R"({"type":"/docs#error-invalid_request","title":"Invalid request","status":400,)"
            R"("detail":"friendlyName is required","instance":"/api/databases",)"
            R"("code":"invalid_request","request_id":"req-1",)"
            R"("errors":[{"pointer":"/friendlyName","detail":"is required"}],"hint":"send it",)"
            R"("success":false,"message":"friendlyName is required"})");
}

TEST(Problem, comes_back_as_the_same_error_without_the_detail_of_the_log) {
  Error error{ErrorCode::instance_failed, "cannot start", "look there", "secret", {}, {}};
  error.fields.push_back({"id", "is odd"});
  const Error back = error_of_response(problem_response(error, "/x", "r"));
  EXPECT_EQ(back.code, ErrorCode::instance_failed);
  EXPECT_EQ(back.message, "cannot start");
  EXPECT_EQ(back.hint, "look there");
  EXPECT_TRUE(back.detail.empty());
  ASSERT_EQ(back.fields.size(), 1U);
  EXPECT_EQ(back.fields[0].pointer, "id");
}

TEST(Problem, a_foreign_body_still_becomes_an_error) {
  EXPECT_EQ(error_of_response({404, {}, "<html>", nullptr}).code, ErrorCode::not_found);
  EXPECT_EQ(error_of_response({418, {}, "", nullptr}).code, ErrorCode::internal);
  EXPECT_EQ(error_of_response({503, {}, "[1]", nullptr}).code, ErrorCode::unavailable);
}

TEST(Headers, names_are_found_in_any_case) {
  const Headers headers{{"Content-Type", "a"}};
  EXPECT_TRUE(headers.contains("content-TYPE"));
  EXPECT_FALSE(headers.contains("content-typ"));
}

}  // namespace
}  // namespace howdah::http
