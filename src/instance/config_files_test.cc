// SPDX-License-Identifier: Apache-2.0
#include "instance/config_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace howdah::instance {
namespace {

using testing::HasSubstr;
using testing::Not;

const InstancePlace kPlace{"/volume/instances/i-abc", "/run/howdah/1/i/i-abc"};

InstanceConfig config_of(int major) {
  InstanceConfig config;
  config.pg_major = major;
  config.platform_users = {"root", "howdah"};
  config.gate_users = {"howdah-gate"};
  config.roles = {"user_k3v9x2ab"};
  return config;
}

TEST(ConfigFiles, nothing_listens_on_tcp) {
  EXPECT_THAT(postgresql_conf(kPlace, config_of(15)).value(), HasSubstr("listen_addresses = ''\n"));
}

TEST(ConfigFiles, users_settings_come_before_what_the_platform_rests_on) {
  InstanceConfig config = config_of(15);
  config.settings = {{"work_mem", "9MB"}, {"fsync", "off"}};
  const std::string text = postgresql_conf(kPlace, config).value();
  EXPECT_LT(text.find("work_mem = '4MB'"), text.find("work_mem = '9MB'"));
  EXPECT_LT(text.find("fsync = 'off'"), text.find("fsync = 'on'"));
}

TEST(ConfigFiles, a_setting_cannot_break_out_of_its_line) {
  InstanceConfig config = config_of(15);
  config.settings = {{"application_name", "a'b\\c\nfsync = off"}};
  EXPECT_THAT(postgresql_conf(kPlace, config).value(),
              HasSubstr("application_name = 'a''b\\\\c\\nfsync = off'\n"));
  config.settings = {{"work_mem = '1MB'\nfsync", "off"}};
  EXPECT_EQ(postgresql_conf(kPlace, config).error().code, ErrorCode::invalid_request);
}

TEST(ConfigFiles, a_socket_directory_with_a_comma_stays_one_directory) {
  InstancePlace place = kPlace;
  place.socket_directory = "/run/a, b\"c";
  EXPECT_THAT(postgresql_conf(place, config_of(15)).value(),
              HasSubstr("unix_socket_directories = '\"/run/a, b\"\"c\"'\n"));
}

TEST(ConfigFiles, settings_that_a_major_does_not_know_are_left_out) {
  EXPECT_THAT(postgresql_conf(kPlace, config_of(13)).value(),
              Not(HasSubstr("recovery_init_sync_method")));
  EXPECT_THAT(postgresql_conf(kPlace, config_of(14)).value(),
              HasSubstr("recovery_init_sync_method = 'syncfs'"));
  EXPECT_THAT(postgresql_conf(kPlace, config_of(13)).value(),
              Not(HasSubstr("client_connection_check_interval")));
  EXPECT_THAT(postgresql_conf(kPlace, config_of(14)).value(),
              HasSubstr("client_connection_check_interval = '2s'"));
  EXPECT_THAT(postgresql_conf(kPlace, config_of(16)).value(), Not(HasSubstr("allow_alter_system")));
  EXPECT_THAT(postgresql_conf(kPlace, config_of(17)).value(),
              HasSubstr("allow_alter_system = 'off'"));
}

TEST(ConfigFiles, only_at_its_storage_limit_does_an_instance_only_read) {
  InstanceConfig config = config_of(15);
  EXPECT_THAT(postgresql_conf(kPlace, config).value(), Not(HasSubstr("read_only")));
  config.read_only = true;
  EXPECT_THAT(postgresql_conf(kPlace, config).value(),
              HasSubstr("default_transaction_read_only = 'on'"));
}

TEST(ConfigFiles, the_platforms_roles_match_lines_of_their_own_first) {
  const std::string text = pg_hba_conf();
  const auto platform = text.find("local all howdah_admin peer map=platform\n");
  ASSERT_NE(platform, std::string::npos);
  const auto monitor = text.find("local postgres howdah_monitor peer map=monitor\n");
  const auto elsewhere = text.find("local all howdah_monitor reject\n");
  const auto gate = text.find("local all all peer map=gate\n");
  ASSERT_NE(gate, std::string::npos);
  EXPECT_LT(platform, monitor);
  EXPECT_LT(monitor, elsewhere) << "it may enter `postgres` only";
  EXPECT_LT(elsewhere, gate) << "no gate may become it";
  EXPECT_THAT(text, Not(HasSubstr("host")));
}

TEST(ConfigFiles, from_16_on_one_line_lets_the_gate_log_in_as_every_role) {
  const std::string text = pg_ident_conf(config_of(16)).value();
  EXPECT_THAT(text, HasSubstr("platform \"root\" howdah_admin\n"));
  EXPECT_THAT(text, HasSubstr("platform \"howdah\" howdah_admin\n"));
  EXPECT_THAT(text, HasSubstr("monitor \"howdah\" howdah_monitor\n"));
  EXPECT_THAT(text, HasSubstr("gate \"howdah-gate\" all\n"));
  EXPECT_THAT(text, Not(HasSubstr("user_k3v9x2ab")));
}

TEST(ConfigFiles, before_16_each_role_has_a_line) {
  const std::string text = pg_ident_conf(config_of(15)).value();
  EXPECT_THAT(text, HasSubstr("gate \"howdah-gate\" \"user_k3v9x2ab\"\n"));
  EXPECT_THAT(text, Not(HasSubstr(" all\n")));
}

TEST(ConfigFiles, role_names_are_quoted) {
  InstanceConfig config = config_of(15);
  config.roles = {"all", "a b\"c", "+x"};
  const std::string text = pg_ident_conf(config).value();
  EXPECT_THAT(text, HasSubstr("\"howdah-gate\" \"all\"\n"));
  EXPECT_THAT(text, HasSubstr("\"howdah-gate\" \"a b\"\"c\"\n"));
  EXPECT_THAT(text, HasSubstr("\"howdah-gate\" \"+x\"\n"));
}

TEST(ConfigFiles, role_names_that_the_file_cannot_hold_are_refused) {
  for (const std::string& name : {std::string(), std::string("a\nb"), std::string("a\0b", 3),
                                  std::string("/.*"), std::string(64, 'x')}) {
    InstanceConfig config = config_of(15);
    config.roles = {name};
    const auto text = pg_ident_conf(config);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, ErrorCode::invalid_request);
  }
  InstanceConfig config = config_of(15);
  config.roles = {std::string(63, 'x')};
  EXPECT_TRUE(pg_ident_conf(config));
}

}  // namespace
}  // namespace howdah::instance
