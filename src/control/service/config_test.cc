// SPDX-License-Identifier: Apache-2.0
#include "control/service/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace howdah::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

Result<Config> read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), {"howdahd", "--data-dir", "/d", "--runtime-dir", "/r"});
  const auto flags =
      Flags::parse(static_cast<int>(arguments.size()), arguments.data(), Config::flag_names());
  if (!flags) return std::unexpected(flags.error());
  return Config::from_flags(*flags);
}

TEST(Config, has_the_defaults_of_the_contract) {
  const auto config = read({});
  ASSERT_TRUE(config);
  EXPECT_THAT(config->listen, ElementsAre("127.0.0.1"));
  EXPECT_EQ(config->http_port, 3000);
  EXPECT_EQ(config->direct_port, 5432);
  EXPECT_EQ(config->pooled_port, 6432);
  EXPECT_EQ(config->host(), "localhost");
  EXPECT_FALSE(config->owner_uid);
}

TEST(Config, host_is_the_public_host_else_the_domain) {
  EXPECT_EQ(read({"--domain", "db.example.org"})->host(), "db.example.org");
  EXPECT_EQ(read({"--domain", "db.example.org", "--public-host", "pg.example.org"})->host(),
            "pg.example.org");
}

TEST(Config, the_certificate_names_everything_a_client_may_call_this_machine) {
  const auto hosts =
      read({"--domain", "db.example.org", "--listen", "192.0.2.7,0.0.0.0"})->certificate_hosts();
  EXPECT_THAT(hosts, ElementsAre("localhost", "127.0.0.1", "::1", "db.example.org",
                                 "*.db.example.org", "192.0.2.7"));
  EXPECT_THAT(hosts, Not(Contains("0.0.0.0")));
}

TEST(Config, refuses_what_is_no_address_port_or_flag) {
  EXPECT_FALSE(read({"--listen", "localhost"}));
  EXPECT_FALSE(read({"--listen", ""}));
  EXPECT_FALSE(read({"--http-port", "65536"}));
  EXPECT_FALSE(read({"--http-port", "http"}));
  EXPECT_FALSE(read({"--owner-uid", "4294967295"}));
  EXPECT_FALSE(read({"--color", "red"}));
}

TEST(Config, loopback_is_told_from_what_others_reach) {
  for (const char* address : {"127.0.0.1", "127.8.8.8", "::1"}) {
    EXPECT_TRUE(Config::is_loopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "192.0.2.7", "localhost"}) {
    EXPECT_FALSE(Config::is_loopback(address)) << address;
  }
}

}  // namespace
}  // namespace howdah::control
