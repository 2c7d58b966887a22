// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "control/secrets/tls_files.h"
#include "control/secrets/vault.h"
#include "control/test_catalog.h"
#include "crypto/certificate.h"

namespace howdah::control {
namespace {

mode_t mode_of(const os::Path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777;
}

class VaultTest : public ::testing::Test {
 protected:
  testing::TempFolder folder;
  const crypto::SealPlace place{"credentials", "7", "sealed_password", 1};
};

TEST_F(VaultTest, is_made_once_and_opens_what_it_sealed_after_a_restart) {
  const auto first = Vault::open(folder.path());
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->created());
  EXPECT_EQ(mode_of(folder.path() / "keyring.json"), 0600u);
  const auto second = Vault::open(folder.path());
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->created());
  EXPECT_EQ(second->unseal(first->seal("secret", place), place).value(), "secret");
  EXPECT_EQ(first->recovery_key(), second->recovery_key());
}

TEST_F(VaultTest, does_not_open_a_value_in_another_place) {
  const auto vault = Vault::open(folder.path());
  crypto::SealPlace other = place;
  other.row = "8";
  EXPECT_FALSE(vault->unseal(vault->seal("secret", place), other));
}

TEST_F(VaultTest, refuses_a_damaged_ring_and_leaves_it_as_it_is) {
  ASSERT_TRUE(os::write_file_atomic(folder.path() / "keyring.json", "{", 0600));
  const auto vault = Vault::open(folder.path());
  ASSERT_FALSE(vault);
  EXPECT_EQ(vault.error().code, ErrorCode::seal_broken);
  EXPECT_FALSE(vault.error().hint.empty());
  EXPECT_EQ(os::read_file(folder.path() / "keyring.json").value(), "{");
}

class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest() {
    std::filesystem::create_directories(folder.path() / "tls");
    std::filesystem::create_directories(folder.path() / "secrets");
  }
  Result<TlsFiles> open(Timestamp at) const { return TlsFiles::open(folder.path(), hosts, at); }
  os::Path tls(const std::string& name) const { return folder.path() / "tls" / name; }

  testing::TempFolder folder;
  std::vector<std::string> hosts{"localhost", "127.0.0.1"};
  const Timestamp start = parse_rfc3339("2026-01-01T00:00:00Z").value();
};

TEST_F(TlsFilesTest, are_made_at_the_first_start_with_their_modes) {
  const auto files = open(start);
  ASSERT_TRUE(files) << files.error().to_log();
  EXPECT_EQ(mode_of(tls("ca.crt")), 0644u);
  EXPECT_EQ(mode_of(tls("server.crt")), 0644u);
  EXPECT_EQ(mode_of(tls("server.key")), 0640u);
  EXPECT_EQ(mode_of(folder.path() / "secrets" / "ca.key"), 0600u);
  EXPECT_TRUE(crypto::is_issued_by(files->server_chain_pem(), files->ca_certificate_pem()).value());
}

TEST_F(TlsFilesTest, are_kept_at_the_next_start) {
  const auto first = open(start);
  const auto second = open(start + std::chrono::days(100));
  ASSERT_TRUE(second);
  EXPECT_EQ(first->ca_certificate_pem(), second->ca_certificate_pem());
  EXPECT_EQ(first->server_chain_pem(), second->server_chain_pem());
}

TEST_F(TlsFilesTest, are_renewed_by_the_same_authority_before_they_end) {
  const auto first = open(start);
  auto second = open(start + std::chrono::days(397 - 29));
  ASSERT_TRUE(second);
  EXPECT_NE(first->server_chain_pem(), second->server_chain_pem());
  EXPECT_EQ(first->ca_certificate_pem(), second->ca_certificate_pem());
}

TEST_F(TlsFilesTest, are_renewed_when_a_host_is_new) {
  auto files = open(start);
  EXPECT_FALSE(files->renew(hosts, start).value());
  hosts.push_back("db.example.org");
  EXPECT_TRUE(files->renew(hosts, start).value());
  EXPECT_TRUE(
      crypto::covers_hosts(crypto::read_certificate(files->server_chain_pem()).value(), hosts));
}

TEST_F(TlsFilesTest, heal_when_key_and_certificate_do_not_belong_together) {
  const auto first = open(start);
  // As after a crash between the two files.
  const auto other = crypto::make_certificate_authority("x", start);
  ASSERT_TRUE(os::write_file_atomic(tls("server.key"), other->private_key_pem, 0640));
  const auto second = open(start);
  ASSERT_TRUE(second);
  EXPECT_NE(first->server_chain_pem(), second->server_chain_pem());
}

TEST_F(TlsFilesTest, an_authority_without_its_key_is_an_error_that_says_what_to_do) {
  ASSERT_TRUE(open(start));
  std::filesystem::remove(folder.path() / "secrets" / "ca.key");
  const auto files = open(start);
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().code, ErrorCode::config_invalid);
  EXPECT_NE(files.error().hint.find("ca.crt"), std::string::npos);
}

TEST_F(TlsFilesTest, a_key_without_an_authority_was_a_crash_and_is_replaced) {
  ASSERT_TRUE(open(start));
  std::filesystem::remove(tls("ca.crt"));
  const auto files = open(start);
  ASSERT_TRUE(files);
  EXPECT_TRUE(crypto::is_issued_by(files->server_chain_pem(), files->ca_certificate_pem()).value());
}

}  // namespace
}  // namespace howdah::control
