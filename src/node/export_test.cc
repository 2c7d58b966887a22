// SPDX-License-Identifier: Apache-2.0
#include "node/export.h"

#include <gtest/gtest.h>

namespace howdah::node {
namespace {

Manifest example() {
  Manifest manifest;
  manifest.slug = "k3v9x2ab";
  manifest.pg_major = 15;
  manifest.settings = {{"work_mem", "16MB"}, {"app.motto", "it's"}};
  return manifest;
}

Result<ExportRequest> request(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "howdah-node");
  const auto flags = Flags::parse(static_cast<int>(arguments.size()), arguments.data(),
                                  {"to", "owner", "stop-it", "progress"});
  return export_request(flags.value());
}

TEST(Export, its_settings_are_those_of_an_ordinary_server_and_its_owners_own) {
  const std::string text = plain_postgresql_conf(example());
  EXPECT_NE(text.find("work_mem = '16MB'\n"), std::string::npos);
  EXPECT_NE(text.find("app.motto = 'it''s'\n"), std::string::npos);
  EXPECT_NE(text.find("listen_addresses = 'localhost'\n"), std::string::npos);
  EXPECT_EQ(text.find("/run/"), std::string::npos);
  EXPECT_EQ(text.find("hba_file"), std::string::npos);
}

TEST(Export, only_the_folders_owner_is_superuser_without_a_password) {
  EXPECT_NE(plain_hba_conf().find("local  all  howdah_admin  peer map=owner\n"), std::string::npos);
  EXPECT_EQ(plain_hba_conf().find("trust"), std::string::npos);
  EXPECT_NE(plain_ident_conf("ada").find("owner  \"ada\"  howdah_admin\n"), std::string::npos);
}

TEST(Export, says_how_it_is_started) {
  const std::string text = plain_readme(example(), "/srv/shop", "/usr/lib/postgresql/15/bin");
  EXPECT_NE(text.find("/usr/lib/postgresql/15/bin/pg_ctl -D /srv/shop"), std::string::npos);
  EXPECT_NE(text.find("tenant_k3v9x2ab"), std::string::npos);
}

TEST(Export, goes_to_an_absolute_place_and_never_to_root) {
  const auto good = request({"--to", "/srv/shop/", "--owner", "1000:1001", "--stop-it", "yes"});
  ASSERT_TRUE(good) << good.error().to_log();
  EXPECT_EQ(good->destination, "/srv/shop");
  EXPECT_EQ(good->owner.uid, 1000U);
  EXPECT_EQ(good->owner.gid, 1001U);
  EXPECT_TRUE(good->stop);
  EXPECT_FALSE(request({"--to", "srv", "--owner", "1:1"}));
  EXPECT_FALSE(request({"--owner", "1:1"}));
  for (const char* owner : {"0:0", "1", "1:", ":1", "a:b", "1:1x", "-1:1"}) {
    EXPECT_FALSE(request({"--to", "/srv", "--owner", owner})) << owner;
  }
}

}  // namespace
}  // namespace howdah::node
