// SPDX-License-Identifier: Apache-2.0
#include "model/log_secrets.h"

#include <gtest/gtest.h>

namespace howdah {
namespace {

TEST(LogSecrets, a_literal_after_the_word_password_is_masked_in_every_form) {
  for (const char* literal :
       {"'hunter2'", "E'hun\\'ter2'", "U&'hunter2'", "$$hunter2$$", "$x$hunter2$x$", "''hunter2''",
        "'hun''ter2'", "'hunter2", "$$hunter2", "'a'\n'hunter2'"}) {
    for (const char* between : {" ", "\n\t", "/* c */", " -- c\n"}) {
      const std::string text = std::string("ALTER ROLE x pAsSwOrD") + between + literal;
      const std::string masked = mask_log_secrets(text);
      EXPECT_EQ(masked.find("ter2"), std::string::npos) << text << " -> " << masked;
      EXPECT_NE(masked.find("***"), std::string::npos) << text;
    }
  }
}

TEST(LogSecrets, what_follows_the_password_stays) {
  EXPECT_EQ(mask_log_secrets("ALTER ROLE a PASSWORD 'x' VALID UNTIL 'tomorrow'; SELECT 1"),
            "ALTER ROLE a PASSWORD *** VALID UNTIL 'tomorrow'; SELECT 1");
  EXPECT_EQ(mask_log_secrets("host=h password=hunter2 dbname=d"), "host=h password=*** dbname=d");
  EXPECT_EQ(mask_log_secrets("{\"password\": \"hun\\\"ter2\", \"a\": 1}"),
            "{\"password\": ***, \"a\": 1}");
  EXPECT_EQ(mask_log_secrets("postgresql://u:p@ss@h:5432/d?x=1"),
            "postgresql://u:***@h:5432/d?x=1");
  EXPECT_EQ(mask_log_secrets("to SCRAM-SHA-256$4096:ab$cd:ef and md5" + std::string(32, 'a') + "."),
            "to *** and ***.");
}

TEST(LogSecrets, a_literal_that_the_parser_could_not_read_is_masked) {
  EXPECT_EQ(mask_log_secrets("unterminated quoted string at or near \"'hunter2\" at character 9"),
            "unterminated quoted string at or near \"***\" at character 9");
  EXPECT_EQ(mask_log_secrets("syntax error at or near \"'hun\"ter2'\""),
            "syntax error at or near \"***\"");
}

TEST(LogSecrets, ordinary_messages_stay_as_they_are) {
  for (const char* text :
       {"password authentication failed for user \"x\"", "syntax error at or near \"FOO\"",
        "relation \"passwords\" does not exist", "md5 of it", "see https://example.org/a:b@c",
        "ALTER ROLE x PASSWORD NULL", "", "it's", "$1", "password", "password:"}) {
    EXPECT_EQ(mask_log_secrets(text), text);
  }
}

TEST(LogSecrets, sql_that_speaks_of_a_password_keeps_no_literal) {
  EXPECT_EQ(mask_sql_secrets("EXECUTE format('ALTER ROLE %I PASSWORD %L', 'u', 'hunter2')"),
            "EXECUTE format(***, ***, ***)");
  EXPECT_EQ(mask_sql_secrets("SELECT 'a' FROM t"), "SELECT 'a' FROM t");
}

// Quadratic work would take seconds.
TEST(LogSecrets, hostile_text_costs_linear_time) {
  std::string text;
  for (int i = 0; i < 2'000; ++i) text += "password ://a:at or near \"''E'$a";
  EXPECT_NE(mask_log_secrets(text), "");
  EXPECT_NE(mask_sql_secrets(text), "");
}

}  // namespace
}  // namespace howdah
