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

TEST(Config, the_host_in_urls_speaks_plain_http_on_loopback_only) {
  EXPECT_TRUE(read({})->host_speaks_plain());
  EXPECT_TRUE(read({"--public-host", "db.example.org"})->host_speaks_plain()) << "no other address";
  EXPECT_TRUE(read({"--listen", "192.0.2.7,127.0.0.1"})->host_speaks_plain());
  EXPECT_FALSE(read({"--listen", "0.0.0.0"})->host_speaks_plain());
  EXPECT_FALSE(read({"--listen", "192.0.2.7"})->host_speaks_plain());
  EXPECT_FALSE(read({"--listen", "192.0.2.7,127.0.0.1", "--public-host", "db.example.org"})
                   ->host_speaks_plain());
}

TEST(Config, only_a_name_with_a_domain_is_a_real_one) {
  EXPECT_TRUE(read({"--domain", "db.example.org"})->has_real_domain());
  for (const char* name : {"", "db", "192.0.2.7", "::1", "my.localhost"}) {
    EXPECT_FALSE(read({"--domain", name})->has_real_domain()) << name;
  }
}

}  // namespace
}  // namespace howdah::control
