// SPDX-License-Identifier: Apache-2.0
#include "instance/postgres_installation.h"

#include <gtest/gtest.h>

namespace howdah::instance {
namespace {

TEST(PostgresVersion, debians_and_plain_builds_are_read) {
  const auto debian = parse_postgres_version("postgres (PostgreSQL) 15.18 (Debian 15.18-1)\n");
  ASSERT_TRUE(debian);
  EXPECT_EQ(debian->major, 15);
  EXPECT_EQ(debian->version, "15.18");
  const auto plain = parse_postgres_version("postgres (PostgreSQL) 17.2\n");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->major, 17);
  EXPECT_EQ(parse_postgres_version("postgres (PostgreSQL) 18beta1\n")->major, 18);
}

TEST(PostgresVersion, other_texts_are_refused) {
  for (const char* text : {"", "postgres", "psql (PostgreSQL) 15.1", "postgres (PostgreSQL) x",
                           "postgres (PostgreSQL) -3", "postgres (PostgreSQL) "}) {
    EXPECT_FALSE(parse_postgres_version(text)) << text;
  }
}

TEST(PostgresChoice, newest_is_the_default) {
  const std::vector<PostgresInstallation> found{{15, "15.18", "/a"}, {17, "17.2", "/b"}};
  EXPECT_EQ(choose_installation(found, 0)->major, 17);
  EXPECT_EQ(choose_installation(found, 15)->bin_directory, "/a");
}

TEST(PostgresChoice, a_missing_major_is_named_with_those_that_are_there) {
  const std::vector<PostgresInstallation> found{{15, "15.18", "/a"}, {17, "17.2", "/b"}};
  const auto chosen = choose_installation(found, 16);
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::no_postgres);
  EXPECT_EQ(chosen.error().message, "PostgreSQL 16 is not installed; there is 15, 17");
  EXPECT_EQ(choose_installation({}, 0).error().code, ErrorCode::no_postgres);
}

}  // namespace
}  // namespace howdah::instance
