// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/commands/log_output.h"
#include "cli/output.h"
#include "cli/start/layout.h"

namespace howdah::cli {
namespace {

TEST(Output, table_columns_line_up_and_missing_fields_are_dashes) {
  const boost::json::array rows{{{"name", "shop"}, {"size", 12}}, {{"name", "long name"}}};
  EXPECT_EQ(to_table(rows, {{"NAME", "name"}, {"SIZE", "size"}}),
            "NAME       SIZE\n"
            "shop       12\n"
            "long name  -\n");
}

TEST(Output, a_narrow_terminal_cuts_the_widest_columns) {
  const boost::json::array rows{{{"name", "shop"}, {"text", "a rather long \u00e4ccount of it"}}};
  EXPECT_EQ(to_table(rows, {{"NAME", "name"}, {"TEXT", "text"}}, 20),
            "NAME  TEXT\n"
            "shop  a rather long\u2026\n");
}

TEST(Output, control_characters_never_reach_the_terminal) {
  const boost::json::array rows{{{"name", "a\x1b[31m\nb"}}};
  EXPECT_EQ(to_table(rows, {{"NAME", "name"}}), "NAME\na?[31m?b\n");
}

TEST(Output, yaml_keeps_texts_that_look_like_other_types) {
  const boost::json::value value{{"text", "yes"}, {"number", 3}, {"list", {true, nullptr}}};
  EXPECT_EQ(to_yaml(value), "text: \"yes\"\nnumber: 3\nlist:\n  - true\n  - ~");
}

TEST(LogOutput, an_entry_is_a_line_with_its_parts_below) {
  EXPECT_EQ(log_line({{"at", "2026-01-02T03:04:05.678Z"},
                      {"level", "error"},
                      {"user", "u"},
                      {"database", "d"},
                      {"message", "no\x1b[31m"},
                      {"hint", "do"}}),
            "2026-01-02T03:04:05.678Z error   u@d: no [31m\n    hint: do");
}

TEST(LogOutput, since_is_a_time_or_how_long_ago) {
  const Timestamp at{std::chrono::milliseconds{1'767'000'000'000}};
  EXPECT_EQ(*parse_since("10m", at), at - std::chrono::minutes(10));
  EXPECT_EQ(*parse_since("2d", at), at - std::chrono::days(2));
  EXPECT_EQ(to_rfc3339(*parse_since("2026-01-02T03:04:05Z", at)), "2026-01-02T03:04:05.000Z");
  for (const char* wrong : {"", "m", "10", "10w", "-1m", "9999999999999999999h", "yesterday"}) {
    EXPECT_FALSE(parse_since(wrong, at)) << wrong;
  }
}

TEST(Layout, two_data_folders_never_share_a_runtime_folder) {
  EXPECT_NE(layout_of("/tmp/a").runtime, layout_of("/tmp/b").runtime);
  EXPECT_EQ(layout_of("/tmp/a").runtime, layout_of("/tmp/./a/").runtime);
}

TEST(Layout, socket_paths_stay_under_the_limit_of_the_kernel) {
  const Layout layout = layout_of("/a/very/long/path/" + std::string(200, 'x'));
  EXPECT_LE((layout.runtime / "i" / "i-abcdefghijkl" / ".s.PGSQL.5432").string().size(), 107u);
}

}  // namespace
}  // namespace howdah::cli
