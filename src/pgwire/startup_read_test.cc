// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pgwire/startup.h"

namespace howdah::pgwire {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Result<ClientStartup> read(std::vector<Parameter> parameters) {
  StartupMessage message;
  message.parameters = std::move(parameters);
  return read_startup(message);
}

Result<ClientStartup> read_options(std::string options) {
  return read({{"user", "u"}, {"options", std::move(options)}});
}

// The `options` that go on to the instance; empty: none.
std::string forwarded_options(const Result<ClientStartup>& startup) {
  if (!startup || startup->forwarded.empty()) return "";
  EXPECT_EQ(startup->forwarded.size(), 1U);
  EXPECT_EQ(startup->forwarded[0].name, "options");
  return startup->forwarded[0].value;
}

TEST(Startup, names_user_database_and_replication_apart_from_the_rest) {
  const auto startup = read({{"client_encoding", "UTF8"},
                             {"user", "user_k3v9x2ab.pr-42"},
                             {"database", "tenant_k3v9x2ab"},
                             {"replication", "database"},
                             {"application_name", "psql"}})
                           .value();
  EXPECT_EQ(startup.user, "user_k3v9x2ab.pr-42");
  EXPECT_EQ(startup.database, "tenant_k3v9x2ab");
  EXPECT_EQ(startup.replication, "database");
  EXPECT_THAT(startup.forwarded, ElementsAre(Parameter{"client_encoding", "UTF8"},
                                             Parameter{"application_name", "psql"}));
  EXPECT_EQ(startup.application_name(), "psql");
}

TEST(Startup, without_user_is_refused_with_sqlstate_28000) {
  for (const auto& parameters : {std::vector<Parameter>{}, {{"database", "d"}}, {{"user", ""}}}) {
    const auto startup = read(parameters);
    ASSERT_FALSE(startup);
    EXPECT_EQ(info_of(startup.error().code).sqlstate, "28000");
  }
}

TEST(Startup, what_decides_the_route_may_not_come_twice) {
  for (const char* name : {"user", "database", "replication", "options"}) {
    const auto startup = read({{"user", "u"}, {name, "-c a=1"}, {name, "-c a=1"}});
    ASSERT_FALSE(startup) << name;
    EXPECT_EQ(startup.error().code, ErrorCode::protocol_violation);
  }
}

TEST(Startup, last_of_equal_settings_counts) {
  const auto startup =
      read({{"user", "u"}, {"application_name", "a"}, {"application_name", "b"}}).value();
  EXPECT_EQ(startup.application_name(), "b");
  EXPECT_EQ(startup.forwarded.size(), 2U);
}

TEST(Startup, parameters_of_poolers_and_prisma_are_consumed) {
  const auto startup = read({{"user", "u"},
                             {"pgbouncer", "true"},
                             {"schema", "public"},
                             {"connection_limit", "5"},
                             {"pool_timeout", "10"},
                             {"search_path", "x"}})
                           .value();
  EXPECT_EQ(startup.consumed.size(), 4U);
  EXPECT_THAT(startup.forwarded, ElementsAre(Parameter{"search_path", "x"}));
}

TEST(Options, are_split_as_postgres_splits_them) {
  EXPECT_THAT(split_options(""), IsEmpty());
  EXPECT_THAT(split_options(" \t\n\v\f\r"), IsEmpty());
  EXPECT_THAT(split_options(" -c  a=b\t-d 5 "), ElementsAre("-c", "a=b", "-d", "5"));
  EXPECT_THAT(split_options(R"(-c a=b\ c)"), ElementsAre("-c", "a=b c"));
  EXPECT_THAT(split_options(R"(a\\b \-c)"), ElementsAre(R"(a\b)", "-c"));
  EXPECT_THAT(split_options(R"(a\)"), ElementsAre("a"));
  EXPECT_THAT(split_options(R"(a \)"), ElementsAre("a", ""));
}

TEST(Options, joined_items_are_split_into_the_same_items) {
  for (const char* text : {"", "-c a=b", R"(-c a=b\ \\\	c)", R"(a \)", R"(\ \ \ )"}) {
    const auto items = split_options(text);
    EXPECT_EQ(split_options(join_options(items)), items) << text;
  }
}

TEST(Options, database_and_branch_are_taken_in_every_spelling) {
  for (const char* text :
       {"database=k3v9x2ab branch=pr-42", "-c database=k3v9x2ab -c branch=pr-42",
        "-cdatabase=k3v9x2ab -cbranch=pr-42", "--database=k3v9x2ab --branch=pr-42",
        "\\database=k3v9x2ab   branch=p\\r-42"}) {
    const auto startup = read_options(text);
    ASSERT_TRUE(startup) << text;
    EXPECT_EQ(startup->option_database, "k3v9x2ab") << text;
    EXPECT_EQ(startup->option_branch, "pr-42") << text;
    EXPECT_THAT(startup->forwarded, IsEmpty()) << text;
    EXPECT_THAT(startup->option_settings, IsEmpty()) << text;
  }
}

TEST(Options, everything_else_goes_on_in_its_order) {
  const auto startup =
      read_options("-c geqo=off branch=b --work-mem=4MB -d 5 -e -S2000 -c a=x\\ y");
  ASSERT_TRUE(startup);
  EXPECT_EQ(forwarded_options(startup), "-c geqo=off --work-mem=4MB -d 5 -e -S2000 -c a=x\\ y");
  EXPECT_THAT(
      startup->option_settings,
      ElementsAre(Parameter{"geqo", "off"}, Parameter{"work_mem", "4MB"}, Parameter{"a", "x y"}));
  EXPECT_EQ(startup->option_branch, "b");
}

TEST(Options, value_of_another_switch_is_not_taken_for_ours) {
  const auto startup = read_options("-r branch=x -D database=y -eS branch=z");
  ASSERT_TRUE(startup);
  EXPECT_EQ(startup->option_branch, "");
  EXPECT_EQ(startup->option_database, "");
  EXPECT_EQ(forwarded_options(startup), "-r branch=x -D database=y -eS branch=z");
}

TEST(Options, setting_behind_a_cluster_of_switches_is_seen) {
  const auto startup = read_options("-ec role=x -e-a=b -Fcbranch=b");
  ASSERT_TRUE(startup);
  EXPECT_THAT(startup->option_settings, ElementsAre(Parameter{"role", "x"}, Parameter{"a", "b"}));
  EXPECT_EQ(startup->option_branch, "b");
  EXPECT_EQ(forwarded_options(startup), "-ec role=x -e-a=b");
}

TEST(Options, unknown_bare_items_are_left_for_the_instance_to_refuse) {
  const auto startup = read_options("project=x - -- Branch=b");
  ASSERT_TRUE(startup);
  EXPECT_EQ(forwarded_options(startup), "project=x - -- Branch=b");
}

TEST(Options, switch_without_its_value_is_refused) {
  for (const char* text : {"-c", "-d", "-c a", "-ca", "--a", "-c =b", "--=b", "-ed",
                           "branch=", "-c database=", "-ec"}) {
    const auto startup = read_options(text);
    ASSERT_FALSE(startup) << text;
    EXPECT_EQ(startup.error().code, ErrorCode::invalid_request) << text;
  }
}

TEST(Options, two_databases_or_branches_are_refused) {
  for (const char* text : {"branch=a branch=a", "database=a -c database=b"}) {
    const auto startup = read_options(text);
    ASSERT_FALSE(startup) << text;
    EXPECT_EQ(startup.error().code, ErrorCode::protocol_violation);
  }
}

TEST(Options, empty_or_fully_consumed_options_are_not_forwarded) {
  EXPECT_THAT(read_options("").value().forwarded, IsEmpty());
  EXPECT_THAT(read_options("  branch=b ").value().forwarded, IsEmpty());
}

}  // namespace
}  // namespace howdah::pgwire
