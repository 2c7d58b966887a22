// SPDX-License-Identifier: Apache-2.0
#include "node/config.h"

#include <gtest/gtest.h>

namespace howdah::node {
namespace {

Result<Config> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "howdah-node");
  HOWDAH_TRY(const Flags flags, Flags::parse(static_cast<int>(arguments.size()), arguments.data(),
                                             config_flag_names()));
  return config_from_flags(flags);
}

void expect_refused(std::vector<const char*> arguments, std::string_view named) {
  arguments.insert(arguments.begin(), {"--data-dir=/d", "--runtime-dir=/r"});
  const auto config = parse(std::move(arguments));
  ASSERT_FALSE(config.has_value());
  EXPECT_EQ(config.error().code, ErrorCode::config_invalid);
  EXPECT_NE(config.error().message.find(named), std::string::npos) << config.error().message;
}

TEST(NodeConfig, needs_only_its_two_folders) {
  const auto config = parse({"--data-dir", "/var/lib/howdah/", "--runtime-dir", "/run/h"});
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->control_user, "howdah");
  EXPECT_EQ(config->gate_user, "howdah-gate");
  EXPECT_EQ(config->spares, 3);
  EXPECT_EQ(config->volume, VolumeChoice::automatic);
  EXPECT_EQ(config->volume_size, 0U);
}

TEST(NodeConfig, refuses_missing_or_relative_folders) {
  EXPECT_FALSE(parse({"--data-dir", "/d"}).has_value());
  EXPECT_FALSE(parse({"--runtime-dir", "/r"}).has_value());
  EXPECT_FALSE(parse({"--data-dir", "d", "--runtime-dir", "/r"}).has_value());
}

TEST(NodeConfig, takes_several_folders_of_servers) {
  const auto config =
      parse({"--data-dir=/d", "--runtime-dir=/r", "--postgres-dir=/opt/a:/opt/b/../c:"});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->postgres_dirs, (std::vector<os::Path>{"/opt/a", "/opt/c"}));
  expect_refused({"--postgres-dir", "/opt/a:b"}, "'b'");
}

TEST(NodeConfig, refuses_an_unknown_volume_driver) {
  expect_refused({"--volume-driver", "zfs"}, "--volume-driver");
}

TEST(NodeConfig, takes_spares_up_to_the_limit_and_refuses_one_more) {
  const auto config = parse({"--data-dir=/d", "--runtime-dir=/r", "--spares=64"});
  ASSERT_TRUE(config.has_value());
  EXPECT_EQ(config->spares, 64);
  expect_refused({"--spares", "65"}, "--spares");
  expect_refused({"--spares", "-1"}, "--spares");
  expect_refused({"--spares", "3x"}, "--spares");
}

TEST(NodeConfig, refuses_a_volume_too_small_to_hold_anything) {
  expect_refused({"--volume-size", "1000"}, "--volume-size");
}

}  // namespace
}  // namespace howdah::node
