// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "control/contract/static_file.h"

namespace howdah::control {
namespace {

http::Response ask(const StaticFile& file, const std::string& if_none_match = {}) {
  http::Request request;
  if (!if_none_match.empty()) request.headers["If-None-Match"] = if_none_match;
  return respond(file, request).value();
}

TEST(StaticFile, its_type_follows_its_name) {
  const auto type = [](std::string_view name) { return make_static_file({name, ""}).content_type; };
  EXPECT_EQ(type("index.html"), "text/html; charset=utf-8");
  EXPECT_EQ(type("a.min.js"), "text/javascript; charset=utf-8");
  EXPECT_EQ(type("a.css"), "text/css; charset=utf-8");
  EXPECT_EQ(type("openapi.json"), "application/json");
  EXPECT_EQ(type("html"), "text/plain; charset=utf-8");
}

TEST(StaticFile, is_not_sent_again_to_those_who_have_it) {
  const StaticFile file = make_static_file({"a.js", "let a;"});
  EXPECT_EQ(ask(file).status, 200);
  EXPECT_EQ(ask(file).body, "let a;");
  EXPECT_EQ(ask(file).headers.at("ETag"), file.etag);
  for (const std::string& known :
       {file.etag, "W/" + file.etag, "\"x\", " + file.etag, std::string("*")}) {
    const http::Response again = ask(file, known);
    EXPECT_EQ(again.status, 304) << known;
    EXPECT_TRUE(again.body.empty()) << known;
    EXPECT_EQ(again.headers.at("ETag"), file.etag) << known;
  }
  EXPECT_EQ(ask(file, "\"x\"").status, 200);
  EXPECT_EQ(ask(file, file.etag).headers.at("Cache-Control"), "no-cache");
  EXPECT_NE(make_static_file({"a.js", "let b;"}).etag, file.etag);
}

TEST(StaticFile, runs_nothing_inline_and_is_framed_by_nobody) {
  const http::Response response = ask(make_static_file({"index.html", "<!doctype html>"}));
  const std::string& policy = response.headers.at("Content-Security-Policy");
  EXPECT_EQ(policy.find("unsafe"), std::string::npos);
  EXPECT_NE(policy.find("default-src 'none'"), std::string::npos);
  EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(response.headers.at("X-Frame-Options"), "DENY");
  EXPECT_EQ(response.headers.at("Cache-Control"), "no-cache");
}

}  // namespace
}  // namespace howdah::control
