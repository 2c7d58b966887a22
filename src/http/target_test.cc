// SPDX-License-Identifier: Apache-2.0
#include "http/target.h"

#include <gtest/gtest.h>

namespace howdah::http {
namespace {

TEST(Target, path_and_query_are_decoded) {
  const auto target = parse_target("/api/data%20bases/caf%C3%A9?a=1&b=x%26y&flag&c=d+e");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/data bases/café");
  const Query expected{{"a", "1"}, {"b", "x&y"}, {"flag", ""}, {"c", "d e"}};
  EXPECT_EQ(target->query, expected);
}

TEST(Target, absolute_form_loses_its_host) {
  EXPECT_EQ(parse_target("http://host:3000/health?x=1")->path, "/health");
  EXPECT_EQ(parse_target("http://host")->path, "/");
  EXPECT_FALSE(parse_target("http://host?x=1"));
}

TEST(Target, hostile_targets_are_refused_and_never_repaired) {
  for (const char* text : {"",
                           "*",
                           "api",
                           "/a/../b",
                           "/a/./b",
                           "/%2e%2e/etc/passwd",
                           "/.%2E",
                           "/a%2fb",
                           "/a%00b",
                           "/a%0d%0aX: y",
                           "/a%7f",
                           "/%",
                           "/%4",
                           "/%zz",
                           "/%C3",
                           "/%ff",
                           "/%c0%af",
                           "/%ed%a0%80",
                           "/%f4%90%80%80",
                           "/a#b",
                           "/a?x=%",
                           "/a?%00=1"}) {
    EXPECT_FALSE(parse_target(text)) << text;
  }
}

TEST(Target, the_number_of_parameters_is_limited) {
  std::string text = "/a?x=1";
  for (std::size_t i = 1; i < kQueryParametersMax; ++i) text += "&x=1";
  EXPECT_TRUE(parse_target(text));
  EXPECT_FALSE(parse_target(text + "&x=1"));
}

TEST(Target, what_is_formatted_is_parsed_again) {
  const Query query{{"branch", "pr-42"}, {"q", "a&b=c d+é/?#"}};
  const auto target = parse_target(format_target("/api/x y/ü", query));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->path, "/api/x y/ü");
  EXPECT_EQ(target->query, query);
}

}  // namespace
}  // namespace howdah::http
