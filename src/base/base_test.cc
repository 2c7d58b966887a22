// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"

namespace howdah {
namespace {

TEST(Clock, time_survives_the_round_trip) {
  const Timestamp time{std::chrono::milliseconds{1767323045678}};
  EXPECT_EQ(to_rfc3339(time), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05.678Z"), time);
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05.678901Z"), time);
}

TEST(Clock, malformed_times_are_refused) {
  for (const char* text :
       {"", "2026-01-02", "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T24:04:05Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.1234567890Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Units, sizes_read_as_in_postgres) {
  EXPECT_EQ(to_pretty(8192), "8192 bytes");
  EXPECT_EQ(to_pretty(10239), "10239 bytes");
  EXPECT_EQ(to_pretty(10240), "10 kB");
  EXPECT_EQ(to_pretty(7631663), "7453 kB");
  EXPECT_EQ(to_pretty(12_MiB), "12 MB");
}

TEST(JsonReader, every_fault_is_reported_at_once) {
  const auto body = parse_json(R"({"friendlyName":"","maxConnections":"20","colour":1})");
  ASSERT_TRUE(body);
  JsonReader in(*body);
  in.required_string("friendlyName", 1, 10);
  in.required_string("ownerEmail", 3, 254);
  in.optional_integer("maxConnections", 1, 500);
  const auto result = in.finish();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().fields.size(), 4u) << result.error().message;
}

TEST(JsonReader, snake_case_is_accepted_and_both_at_once_is_not) {
  auto body = parse_json(R"({"friendly_name":"shop"})");
  JsonReader in(*body);
  EXPECT_EQ(in.required_string("friendlyName", 1, 10), "shop");
  EXPECT_TRUE(in.finish());
  auto twice = parse_json(R"({"friendly_name":"a","friendlyName":"b"})");
  JsonReader again(*twice);
  again.required_string("friendlyName", 1, 10);
  EXPECT_FALSE(again.finish());
}

TEST(Json, deep_nesting_and_trailing_bytes_are_refused) {
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']')));
  EXPECT_FALSE(parse_json("{} {}"));
  EXPECT_FALSE(parse_json(""));
}

TEST(Text, bytes_that_are_no_utf8_and_control_characters_are_replaced) {
  EXPECT_EQ(printable_utf8("a\tb\nc \x1b[31m\x7f"), "a\tb\nc  [31m ");
  EXPECT_EQ(printable_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98"),
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98");
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(printable_utf8("\xff|\xc3|\xc0\xaf|"), bad + "|" + bad + "|" + bad + bad + "|");
  EXPECT_EQ(printable_utf8("\xed\xa0\x80"), bad + bad + bad);  // a surrogate
  EXPECT_EQ(printable_utf8("\xf0\x9f"), bad + bad);
}

}  // namespace
}  // namespace howdah
