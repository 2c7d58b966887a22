// SPDX-License-Identifier: Apache-2.0
#include "control/connection_strings/urls.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

Login login() {
  Login made;
  made.host = "localhost";
  made.slug = "k3v9x2ab";
  made.user = "user_k3v9x2ab";
  made.password = "Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7";
  return made;
}

TEST(Urls, the_four_forms_are_those_of_the_contract_byte_for_byte) {
  const ConnectionUrls urls = make_urls(login());
  EXPECT_EQ(urls.direct,
            "postgresql://user_k3v9x2ab:Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7@localhost:5432/tenant_k3v9x2ab"
            "?sslmode=require");
  EXPECT_EQ(urls.pooled,
            "postgresql://user_k3v9x2ab:Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7@localhost:6432/tenant_k3v9x2ab"
            "?sslmode=require&pgbouncer=true");
  EXPECT_EQ(urls.shadow,
            "postgresql://user_k3v9x2ab:Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7@localhost:5432/"
            "tenant_k3v9x2ab_shadow?sslmode=require&schema=public");
  EXPECT_EQ(urls.shadow_pooled,
            "postgresql://user_k3v9x2ab:Aa0Bb1Cc2Dd3Ee4Ff5Gg6Hh7@localhost:6432/"
            "tenant_k3v9x2ab_shadow?sslmode=require&schema=public&pgbouncer=true");
}

TEST(Urls, the_shadow_is_another_database_than_the_main_one) {
  const ConnectionUrls urls = make_urls(login());
  EXPECT_EQ(urls.direct.find("_shadow"), std::string::npos);
  EXPECT_NE(urls.shadow.find("/tenant_k3v9x2ab_shadow?"), std::string::npos);
}

TEST(Urls, those_for_libpq_have_no_parameter_that_it_refuses) {
  const ConnectionUrls urls = make_urls(login());
  for (const std::string& url : {urls.libpq_direct, urls.libpq_pooled, urls.psql_command}) {
    EXPECT_EQ(url.find("pgbouncer"), std::string::npos);
    EXPECT_EQ(url.find("schema"), std::string::npos);
  }
  EXPECT_NE(urls.libpq_pooled.find(":6432/"), std::string::npos);
  EXPECT_EQ(urls.psql_command, "psql \"" + urls.libpq_direct + "\"");
}

TEST(Urls, other_ports_and_an_ipv6_host_are_written_as_urls_need_them) {
  Login other = login();
  other.host = "2001:db8::1";
  other.direct_port = 15432;
  other.password = kMaskedPassword;
  EXPECT_EQ(make_urls(other).direct,
            "postgresql://user_k3v9x2ab:***@[2001:db8::1]:15432/tenant_k3v9x2ab?sslmode=require");
}

}  // namespace
}  // namespace howdah::control
