// SPDX-License-Identifier: Apache-2.0
#include "model/server_settings.h"

#include <gtest/gtest.h>

namespace howdah {
namespace {

std::string checked(std::string_view name, std::string_view text) {
  const auto value = check_server_setting(name, text);
  return value ? *value : "no";
}

TEST(ServerSettings, values_are_taken_as_a_person_would_write_them) {
  EXPECT_EQ(checked("work_mem", "64MB"), "64MB");
  EXPECT_EQ(checked("work_mem", "1024"), "1024kB") << "the unit is written, never guessed";
  EXPECT_EQ(checked("statement_timeout", "30s"), "30s");
  EXPECT_EQ(checked("statement_timeout", "0"), "0");
  EXPECT_EQ(checked("statement_timeout", "1500"), "1500ms");
  EXPECT_EQ(checked("autovacuum_naptime", "2000"), "2000ms") << "its own unit is seconds";
  EXPECT_EQ(checked("log_min_duration_statement", "-1"), "-1");
  EXPECT_EQ(checked("random_page_cost", "1.25"), "1.25");
  EXPECT_EQ(checked("jit", "off"), "off");
  EXPECT_EQ(checked("log_statement", "ddl"), "ddl");
  EXPECT_EQ(checked("default_transaction_isolation", "repeatable read"), "repeatable read");
  EXPECT_EQ(checked("default_statistics_target", "10000"), "10000");
}

TEST(ServerSettings, a_value_that_could_keep_an_instance_from_starting_is_refused) {
  for (const auto& [name, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"work_mem", "63kB"},
           {"work_mem", "3GB"},
           {"work_mem", "64 MB"},
           {"work_mem", "64mb"},
           {"work_mem", "1.5MB"},
           {"work_mem", "-1"},
           {"work_mem", "1e3"},
           {"work_mem", "inf"},
           {"work_mem", "nan"},
           {"work_mem", "0x10"},
           {"work_mem", ""},
           {"work_mem", "99999999999999999999999999"},
           {"work_mem", "64MB'\nfsync = off"},
           {"shared_buffers", "9GB"},
           {"statement_timeout", "1y"},
           {"statement_timeout", "25d"},
           {"default_statistics_target", "0"},
           {"default_statistics_target", "10001"},
           {"default_statistics_target", "10kB"},
           {"jit", "on off"},
           {"jit", " "},
           {"jit", ""},
           {"jit", "ON"},
           {"log_statement", "everything"},
           {"default_transaction_isolation", "'read"}}) {
    EXPECT_EQ(checked(name, text), "no") << name << " " << text;
  }
}

TEST(ServerSettings, what_the_platform_rests_on_cannot_be_chosen) {
  for (const char* name :
       {"fsync", "full_page_writes", "archive_command", "hba_file", "listen_addresses",
        "shared_preload_libraries", "unix_socket_directories", "max_connections", "data_directory",
        "wal_level", "ssl", "local_preload_libraries", "session_preload_libraries",
        "dynamic_library_path", "WORK_MEM", "work_mem ", "", "work_mem\nfsync"}) {
    EXPECT_EQ(checked(name, "on"), "no") << name;
  }
  EXPECT_NE(check_server_setting("fsync", "off").error().find("work_mem"), std::string::npos)
      << "and those that can are named";
}

TEST(ServerSettings, every_wrong_one_of_several_is_named) {
  EXPECT_TRUE(check_server_settings({{"work_mem", "8MB"}, {"jit", "on"}}));
  const auto wrong = check_server_settings({{"fsync", "off"}, {"jit", "on"}, {"work_mem", "x"}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().fields.at(0).pointer, "/settings/fsync");
  EXPECT_EQ(wrong.error().fields.at(1).pointer, "/settings/work_mem");
}

}  // namespace
}  // namespace howdah
