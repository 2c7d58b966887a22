// SPDX-License-Identifier: Apache-2.0
#include "cli/commands/env_file.h"

#include <gtest/gtest.h>

namespace howdah::cli {
namespace {

const std::vector<Assignment> kUrl{{"DATABASE_URL", "postgresql://u:p@h:5432/d?sslmode=require"}};
const std::string kLine = "DATABASE_URL=\"postgresql://u:p@h:5432/d?sslmode=require\"\n";

TEST(EnvFile, an_empty_one_gets_the_lines) {
  EXPECT_EQ(*merge_env("", kUrl), kLine);
}

TEST(EnvFile, other_lines_and_comments_stay_where_they_are) {
  EXPECT_EQ(*merge_env("# mine\nA=1\nDATABASE_URL=old # x\n\nB='2'\n", kUrl),
            "# mine\nA=1\n" + kLine + "\nB='2'\n");
  EXPECT_EQ(*merge_env("A=1", kUrl), "A=1\n" + kLine) << "a last line without an end";
  const std::string windows = kLine.substr(0, kLine.size() - 1) + "\r\n";
  EXPECT_EQ(*merge_env("A=1\r\n", kUrl), "A=1\r\n" + windows) << "as the rest of the file";
}

TEST(EnvFile, export_and_blanks_count_as_the_same_name) {
  for (const char* line : {"export DATABASE_URL=x\n", "  DATABASE_URL = x\n", "DATABASE_URL=\n",
                           "DATABASE_URL=\"x\ny\"\n", "DATABASE_URL='a' # b\n"}) {
    EXPECT_EQ(*merge_env(line, kUrl), kLine) << line;
  }
}

TEST(EnvFile, a_second_line_of_a_name_goes_since_readers_take_the_last) {
  EXPECT_EQ(*merge_env("DATABASE_URL=1\nA=1\nDATABASE_URL=2\n", kUrl), kLine + "A=1\n");
}

TEST(EnvFile, what_only_looks_like_the_name_stays) {
  for (const std::string line :
       {"# DATABASE_URL=x\n", "DATABASE_URL_2=x\n", "MY_DATABASE_URL=x\n", "DATABASE_URL\n",
        "KEY=\"-----BEGIN\nDATABASE_URL=inside\n-----END\"\n", "KEY='a\nDATABASE_URL=inside\n'\n",
        "KEY=`\nDATABASE_URL=inside`\n", "KEY=\"a\\\"\nDATABASE_URL=inside\"\n"}) {
    EXPECT_EQ(*merge_env(line, kUrl), line + kLine) << line;
  }
}

TEST(EnvFile, a_quote_that_never_ends_hides_nothing) {
  EXPECT_EQ(*merge_env("A=\"open\nDATABASE_URL=old\n", kUrl), "A=\"open\n" + kLine);
}

TEST(EnvFile, bytes_that_are_no_text_stay) {
  const std::string odd("\xEF\xBB\xBF\0\xff=\n=\n===\n\"\n", 15);
  EXPECT_EQ(*merge_env(odd, kUrl), odd + kLine);
}

TEST(EnvFile, values_that_readers_understand_differently_are_refused) {
  for (const char* value : {"a\nB=1", "a\"b", "$(id)", "a`b", "a\\b", "a b"}) {
    EXPECT_FALSE(merge_env("", {{"A", value}})) << value;
  }
}

TEST(EnvFile, is_read_as_it_is_written) {
  const auto read = parse_env("# x\nA=\"1\"\nexport B='2'\nC=3 # c\n" + kLine);
  ASSERT_EQ(read.size(), 4u);
  EXPECT_EQ(read[1].name + read[1].value, "B2");
  EXPECT_EQ(read[2].value, "3");
  EXPECT_EQ(read[3].value, kUrl[0].value);
}

}  // namespace
}  // namespace howdah::cli
