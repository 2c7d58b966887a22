// SPDX-License-Identifier: Apache-2.0
#include "control/catalog/migrations.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

TEST(Migrations, of_this_binary_begin_with_the_first) {
  const auto& migrations = embedded_migrations();
  ASSERT_FALSE(migrations.empty());
  EXPECT_EQ(migrations.front().name, "initial");
  EXPECT_EQ(migrations.front().checksum.size(), 64u);
}

TEST(Migrations, are_numbered_without_a_gap) {
  EXPECT_TRUE(read_migrations({{"0001_a.sql", ""}, {"0002_b_c.sql", ""}}));
  EXPECT_FALSE(read_migrations({{"0001_a.sql", ""}, {"0003_b.sql", ""}}));
  EXPECT_FALSE(read_migrations({{"0002_a.sql", ""}}));
  EXPECT_FALSE(read_migrations({{"0001_a.sql", ""}, {"0001_b.sql", ""}}));
}

TEST(Migrations, have_names_of_one_form) {
  for (const char* name : {"1_a.sql", "0001a.sql", "0001_.sql", "x001_a.sql", "0001_a.txt", ""}) {
    EXPECT_FALSE(read_migrations({{name, ""}})) << name;
  }
}

}  // namespace
}  // namespace howdah::control
