// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "pg/connection.h"

namespace howdah::pg {
namespace {

TEST(Param, every_kind_becomes_the_text_the_server_reads) {
  EXPECT_EQ(param(std::int64_t{-5}), "-5");
  EXPECT_EQ(param(7), "7");
  EXPECT_EQ(param(true), "t");
  EXPECT_EQ(param("text"), "text");
  EXPECT_EQ(param(std::optional<std::int64_t>()), std::nullopt);
  EXPECT_EQ(param(Timestamp{std::chrono::milliseconds{1}}), "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(bytes_param(std::string_view("\x00\xff", 2)), "\\x00ff");
}

TEST(Rows, cells_are_read_by_type) {
  const Rows rows({"n", "b", "t", "y", "none"},
                  {{Value("42"), Value("t"), Value("2026-01-02 03:04:05.678901+00"),
                    Value("\\x00ff"), Value()}},
                  0);
  EXPECT_EQ(rows.integer(0, "n"), 42);
  EXPECT_TRUE(rows.boolean(0, "b"));
  EXPECT_EQ(to_rfc3339(*rows.time(0, "t")), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(rows.bytes(0, "y"), std::string_view("\x00\xff", 2));
  EXPECT_EQ(rows.text(0, "none"), "");
  EXPECT_EQ(rows.integer(0, "none"), 0);
  EXPECT_FALSE(rows.boolean(0, "none"));
  EXPECT_FALSE(rows.time(0, "none"));
}

TEST(Rows, times_without_a_fraction_are_read_and_infinity_is_none) {
  const Rows rows({"t"}, {{Value("2026-01-02 03:04:05+00")}, {Value("infinity")}}, 0);
  EXPECT_EQ(to_rfc3339(*rows.time(0, "t")), "2026-01-02T03:04:05.000Z");
  EXPECT_FALSE(rows.time(1, "t"));
}

TEST(Rows, an_unknown_column_aborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Rows rows({"a"}, {{Value("1")}}, 0);
  EXPECT_DEATH((void)rows.text(0, "b"), "no column 'b'");
}

TEST(Quote, hostile_names_and_texts_stay_inside_their_quotes) {
  EXPECT_EQ(quote_identifier("a\"; DROP TABLE x"), "\"a\"\"; DROP TABLE x\"");
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("\\'"), "E'\\\\'''");
}

TEST(SqlState, is_found_through_causes_and_empty_elsewhere) {
  Error inner{ErrorCode::sql_error, "m", {}, "SQLSTATE 23505: duplicate", {}, {}};
  EXPECT_EQ(sqlstate(inner), "23505");
  EXPECT_EQ(sqlstate(Error(inner).within("store")), "23505");
  Error outer{ErrorCode::internal, "o", {}, {}, {}, std::make_shared<Error>(inner)};
  EXPECT_EQ(sqlstate(outer), "23505");
  EXPECT_EQ(sqlstate(Error{}), "");
}

}  // namespace
}  // namespace howdah::pg
