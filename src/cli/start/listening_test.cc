// SPDX-License-Identifier: Apache-2.0
#include "cli/start/listening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace howdah::cli {
namespace {

using ::testing::ElementsAre;

TEST(Listening, without_a_word_it_is_this_machine_only) {
  for (const char* listen : {"", "127.0.0.1", "127.0.0.2", "::1"}) {
    const auto plan = plan_listening(listen, "", "");
    ASSERT_TRUE(plan) << listen;
    EXPECT_FALSE(plan->open) << listen;
    EXPECT_EQ(plan->addresses.size(), 1U);
  }
  EXPECT_EQ(plan_listening("", "", "")->api_url("localhost", 3000), "http://localhost:3000");
  EXPECT_EQ(plan_listening("127.0.0.2", "", "")->api_url("localhost", 1), "http://127.0.0.2:1");
  EXPECT_EQ(plan_listening("::1", "", "")->api_url("localhost", 1), "http://[::1]:1");
}

TEST(Listening, a_network_address_comes_with_the_machines_own) {
  const auto plan = plan_listening("192.0.2.7", "", "");
  EXPECT_TRUE(plan->open);
  EXPECT_THAT(plan->addresses, ElementsAre("192.0.2.7", "127.0.0.1"));
  EXPECT_EQ(plan->text(), "192.0.2.7,127.0.0.1");
  EXPECT_EQ(plan->api_url("localhost", 3000), "https://192.0.2.7:3000");
  EXPECT_EQ(plan_listening("2001:db8::1", "", "")->api_url("localhost", 3000),
            "https://[2001:db8::1]:3000");
}

TEST(Listening, every_address_is_named_by_the_host_of_urls) {
  for (const char* all : {"0.0.0.0", "::"}) {
    const auto plan = plan_listening(all, "", "");
    EXPECT_TRUE(plan->open);
    EXPECT_THAT(plan->addresses, ElementsAre(all));
    EXPECT_EQ(plan->api_url("db.example.org", 3000), "https://db.example.org:3000");
  }
}

TEST(Listening, a_domain_opens_it_together_with_an_email_address_only) {
  EXPECT_TRUE(plan_listening("", "db.example.org", "you@example.org")->open);
  EXPECT_FALSE(plan_listening("", "db.example.org", "")->open);
  EXPECT_FALSE(plan_listening("127.0.0.1", "db.example.org", "you@example.org")->open);
}

TEST(Listening, what_cannot_be_is_refused_with_what_to_do) {
  for (const auto& [listen, domain, email] : {std::array{"localhost", "", ""},
                                              {"192.0.2.7,", "", ""},
                                              {"", "", "you@example.org"},
                                              {"", "db.example.org", "you"},
                                              {"", "db.example.org", "@example.org"}}) {
    const auto plan = plan_listening(listen, domain, email);
    ASSERT_FALSE(plan) << listen << domain << email;
    EXPECT_EQ(plan.error().code, ErrorCode::config_invalid);
    EXPECT_NE(plan.error().hint, "");
  }
}

}  // namespace
}  // namespace howdah::cli
