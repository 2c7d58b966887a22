// SPDX-License-Identifier: Apache-2.0
#include "gate/config.h"

#include <gtest/gtest.h>

namespace howdah::gate {
namespace {

Result<GateConfig> config_of(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"howdah-gate", "--data-dir", "/d", "--runtime-dir", "/r"});
  HOWDAH_TRY(const Flags flags,
             Flags::parse(static_cast<int>(arguments.size()), arguments.data(), gate_flags()));
  return read_config(flags);
}

TEST(GateConfig, defaults_are_the_ports_of_the_contract_on_loopback) {
  const auto config = config_of({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->listen_addresses, std::vector<std::string>{"127.0.0.1"});
  EXPECT_EQ(config->direct_port, 5432);
  EXPECT_EQ(config->pooled_port, 6432);
  EXPECT_TRUE(config->pooled);
  EXPECT_FALSE(config->plaintext_for_measurement);
  EXPECT_EQ(config->own_directory(), "/d/gate");
}

TEST(GateConfig, the_pooled_port_can_be_switched_off) {
  EXPECT_FALSE(config_of({"--no-pooled", "yes"})->pooled);
}

TEST(GateConfig, plaintext_needs_an_exact_yes) {
  EXPECT_TRUE(config_of({"--plaintext-for-measurement", "yes"})->plaintext_for_measurement);
  const auto config = config_of({"--plaintext-for-measurement", "true"});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::config_invalid);
}

TEST(GateConfig, ports_end_at_65535) {
  EXPECT_EQ(config_of({"--direct-port", "65535"})->direct_port, 65535);
  EXPECT_FALSE(config_of({"--direct-port", "65536"}));
  EXPECT_FALSE(config_of({"--direct-port", "-1"}));
}

TEST(GateConfig, both_folders_are_required) {
  const char* arguments[] = {"howdah-gate", "--data-dir", "/d"};
  const auto flags = Flags::parse(3, arguments, gate_flags());
  ASSERT_TRUE(flags);
  EXPECT_FALSE(read_config(*flags));
}

}  // namespace
}  // namespace howdah::gate
