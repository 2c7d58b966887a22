// SPDX-License-Identifier: Apache-2.0
#include "control/envelope.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

constexpr const char* kId = "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b";

json::object body_of(const http::Response& response) {
  return json::parse(response.body).as_object();
}

std::vector<ListRow> rows_of(std::size_t count) {
  std::vector<ListRow> rows;
  for (std::size_t i = 0; i < count; ++i) {
    rows.push_back({json::value(i), {Timestamp{milliseconds{i}}, kId}});
  }
  return rows;
}

TEST(Envelope, leaves_out_what_is_empty) {
  const http::Response response = success(201, {.data = {{"id", 7}}});
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(body_of(response), (json::object{{"success", true}, {"data", {{"id", 7}}}}));
}

TEST(Envelope, has_its_parts_in_the_fixed_shape) {
  const http::Response response = success(200, {.data = json::array{},
                                                .message = "done",
                                                .count = 0,
                                                .meta = {{"a", 1}},
                                                .operations = {json::object{}}});
  EXPECT_EQ(response.body, R"({"success":true,"message":"done","data":[],"count":0,"meta":{"a":1},)"
                           R"("operations":[{}]})");
}

TEST(Envelope, accepted_work_says_where_to_look) {
  EXPECT_EQ(accepted(kId, {}).headers.at("Location"), std::string("/api/operations/") + kId);
  EXPECT_EQ(accepted(kId, {}).status, 202);
}

TEST(Body, empty_is_an_empty_object_and_garbage_is_refused) {
  http::Request request;
  EXPECT_EQ(read_body(request).value(), json::value(json::object{}));
  request.body = "{";
  EXPECT_FALSE(read_body(request));
}

TEST(Query, reads_both_spellings_and_reports_all_faults_at_once) {
  const http::Query query{{"database_id", "x"}, {"limit", "0"}, {"color", "red"}};
  QueryReader in(query);
  EXPECT_EQ(in.text("databaseId"), "x");
  EXPECT_FALSE(in.integer("limit", 1, 200));
  const auto result = in.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_request);
  ASSERT_EQ(result.error().fields.size(), 2u);
  EXPECT_EQ(result.error().fields[0].pointer, "limit");
  EXPECT_EQ(result.error().fields[1].pointer, "color");
}

TEST(Query, refuses_a_parameter_given_twice) {
  const http::Query query{{"limit", "1"}, {"limit", "2"}};
  QueryReader in(query);
  (void)in.integer("limit", 1, 200);
  EXPECT_FALSE(in.finish());
}

TEST(Query, takes_numbers_at_the_limit_and_not_beyond) {
  for (const auto& [text, good] : {std::pair("1", true),
                                   {"200", true},
                                   {"201", false},
                                   {"-1", false},
                                   {"1x", false},
                                   {"", false},
                                   {"1e2", false}}) {
    const http::Query query{{"limit", text}};
    QueryReader in(query);
    EXPECT_EQ(in.integer("limit", 1, 200).has_value(), good) << text;
  }
}

TEST(Query, a_flag_is_true_or_false) {
  const http::Query query{{"a", "true"}, {"b", "false"}, {"c", "1"}};
  QueryReader in(query);
  EXPECT_TRUE(in.flag("a"));
  EXPECT_FALSE(in.flag("b"));
  EXPECT_FALSE(in.flag("missing"));
  EXPECT_FALSE(in.flag("c"));
  EXPECT_FALSE(in.finish());
}

TEST(List, without_a_limit_has_everything_and_no_cursor) {
  const http::Query query;
  QueryReader in(query);
  const Page page = read_page(in);
  EXPECT_EQ(page.fetch_count(), 1001);
  const http::Response response = list_response({}, page, rows_of(3));
  EXPECT_EQ(body_of(response).at("count"), 3);
  EXPECT_FALSE(body_of(response).contains("meta"));
  EXPECT_FALSE(response.headers.contains("Link"));
}

TEST(List, goes_on_behind_its_cursor) {
  http::Request request;
  request.path = "/api/operations";
  request.query = {{"state", "a&b"}, {"limit", "2"}};
  QueryReader in(request.query);
  (void)in.text("state");
  const http::Response response = list_response(request, read_page(in), rows_of(3));
  EXPECT_EQ(body_of(response).at("count"), 2);
  const std::string cursor(body_of(response).at("meta").at("next_cursor").as_string());
  EXPECT_EQ(response.headers.at("Link"),
            "</api/operations?state=a%26b&limit=2&cursor=" + cursor + ">; rel=\"next\"");
  const http::Query next{{"cursor", cursor}};
  QueryReader again(next);
  const Page page = read_page(again);
  ASSERT_TRUE(page.after);
  EXPECT_EQ(page.after->at, Timestamp{milliseconds{1}});
  EXPECT_EQ(page.after->id, kId);
}

TEST(List, a_forged_cursor_is_refused_before_it_reaches_sql) {
  // Not base64; no time; an id that is neither a UUID nor a number ("2026-01-01T00:00:00Z ';--").
  for (const char* text : {"%%%", "YWJj", "MjAyNi0wMS0wMVQwMDowMDowMFogJzstLQ"}) {
    const http::Query query{{"cursor", text}};
    QueryReader in(query);
    (void)read_page(in);
    EXPECT_FALSE(in.finish()) << text;
  }
}

TEST(Uuid, is_told_from_other_text) {
  EXPECT_TRUE(is_uuid(kId));
  EXPECT_TRUE(is_uuid("0B5AD3F2-3D3E-4C0E-9A5C-0F3F7C1D2E4B"));
  EXPECT_FALSE(is_uuid("0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4"));
  EXPECT_FALSE(is_uuid("0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4bb"));
  EXPECT_FALSE(is_uuid("0b5ad3f2x3d3e-4c0e-9a5c-0f3f7c1d2e4b"));
  EXPECT_FALSE(is_uuid("0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4'"));
  EXPECT_FALSE(is_uuid(""));
}

}  // namespace
}  // namespace howdah::control
