// SPDX-License-Identifier: Apache-2.0
#include "control/etag.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

namespace json = boost::json;

Result<Preconditions> with(const std::string& header, const std::string& value) {
  http::Request request;
  request.headers[header] = value;
  return Preconditions::of(request);
}

std::string outcome(const std::string& if_match, std::string_view revision) {
  const auto preconditions = with("If-Match", if_match);
  if (!preconditions) return std::string(info_of(preconditions.error().code).name);
  const auto checked = preconditions->check(revision);
  return checked ? "ok" : std::string(info_of(checked.error().code).name);
}

TEST(Etag, if_match_looks_at_the_revision_alone) {
  const std::string awake = etag_of("7", json::object{{"status", "active"}});
  const std::string asleep = etag_of("7", json::object{{"status", "suspended"}});
  EXPECT_NE(awake, asleep);
  EXPECT_EQ(outcome(awake, "7"), "ok");
  EXPECT_EQ(outcome(asleep, "7"), "ok") << "falling asleep is no change that a PATCH could lose";
  EXPECT_EQ(outcome(awake, "8"), "precondition_failed");
  EXPECT_EQ(outcome(awake, "77"), "precondition_failed");
  EXPECT_EQ(outcome("*", "8"), "ok");
  EXPECT_EQ(outcome("\"1-a\", " + awake + " ,\"2-b\"", "7"), "ok");
  EXPECT_EQ(outcome("W/" + awake, "7"), "ok") << "proxies weaken tags when they compress";
}

TEST(Etag, a_header_that_is_no_list_of_tags_is_refused_and_never_ignored) {
  for (const char* text :
       {"", " ", "7", "\"7", "7\"", "\"7-a\",", "\"7-a\" \"8-b\"", "* ,", "w/x"}) {
    EXPECT_EQ(outcome(text, "7"), "invalid_request") << text;
  }
  EXPECT_EQ(outcome("\"\"", "7"), "precondition_failed");
  EXPECT_EQ(outcome("\"7\"", "7"), "ok") << "the revision by itself";
  std::string many = "\"1-a\"";
  for (int i = 0; i < 20; ++i) many += ",\"1-a\"";
  EXPECT_EQ(outcome(many, "7"), "invalid_request");
}

TEST(Etag, without_if_match_everything_goes) {
  EXPECT_TRUE(Preconditions::of(http::Request{})->check("1"));
}

TEST(Etag, if_none_match_answers_304_for_exactly_what_is_known) {
  http::Request request;
  const std::string etag = etag_of("7", json::object{{"status", "active"}});
  const std::string other = etag_of("7", json::object{{"status", "suspended"}});
  const auto status = [&](const std::string& known) {
    return tagged(request, with("If-None-Match", known).value(), etag,
                  http::json_response(200, json::object{}))
        .status;
  };
  EXPECT_EQ(status(etag), 304);
  EXPECT_EQ(status("W/" + etag), 304);
  EXPECT_EQ(status("*"), 304);
  EXPECT_EQ(status(other), 200);
  const auto known = tagged(request, with("If-None-Match", etag).value(), etag,
                            http::json_response(200, json::object{}));
  EXPECT_EQ(known.headers.at("ETag"), etag);
  EXPECT_TRUE(known.body.empty());
  request.method = http::Method::patch;
  EXPECT_EQ(status(etag), 200) << "only what reads";
}

}  // namespace
}  // namespace howdah::control
