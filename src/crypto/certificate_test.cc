// SPDX-License-Identifier: Apache-2.0
#include "crypto/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::crypto {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::ElementsAre;

const Timestamp kNow = parse_rfc3339("2026-03-04T05:06:07.890Z").value();

const CertificateAndKey& authority() {
  static const CertificateAndKey made = make_certificate_authority("Howdah CA test", kNow).value();
  return made;
}

std::string leaf_of(const std::vector<std::string>& hosts) {
  return issue_server_certificate(authority(), hosts, kNow).value().certificate_pem;
}

// The DER form of the first certificate in a PEM text.
std::string der_of(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  std::string text;
  for (const char c : pem.substr(kBegin.size(), pem.find("-----END") - kBegin.size())) {
    if (c != '\n') text += c;
  }
  return from_base64(text).value();
}

TEST(Certificate, authority_lasts_ten_years_and_signs_only) {
  const auto facts = read_certificate(authority().certificate_pem).value();
  EXPECT_TRUE(facts.is_ca);
  EXPECT_EQ(facts.subject, "CN=Howdah CA test");
  EXPECT_LT(facts.not_before, kNow);
  EXPECT_GE(facts.not_before, kNow - hours(2));
  EXPECT_GT(facts.not_after, kNow + days(3649));
  EXPECT_TRUE(is_issued_by(authority().certificate_pem, authority().certificate_pem).value());
}

TEST(Certificate, authority_needs_a_name_of_1_to_64_bytes) {
  EXPECT_TRUE(make_certificate_authority(std::string(64, 'x'), kNow));
  EXPECT_FALSE(make_certificate_authority(std::string(65, 'x'), kNow));
  EXPECT_FALSE(make_certificate_authority("", kNow));
}

TEST(Certificate, server_certificate_names_all_hosts) {
  const auto facts =
      read_certificate(leaf_of({"LocalHost", "127.0.0.1", "::1", "*.db.example.org"})).value();
  EXPECT_THAT(facts.hosts, ElementsAre("localhost", "127.0.0.1", "::1", "*.db.example.org"));
  EXPECT_FALSE(facts.is_ca);
  EXPECT_EQ(facts.subject, "CN=localhost");
}

TEST(Certificate, server_certificate_lasts_397_days_and_no_longer) {
  const auto facts = read_certificate(leaf_of({"localhost"})).value();
  EXPECT_LE(facts.not_after - facts.not_before, days(397));
  EXPECT_GT(facts.not_after, kNow + days(396));
  EXPECT_LT(facts.not_before, kNow);
}

TEST(Certificate, serial_numbers_are_long_and_differ) {
  const auto a = read_certificate(leaf_of({"localhost"})).value();
  const auto b = read_certificate(leaf_of({"localhost"})).value();
  EXPECT_NE(a.serial_hex, b.serial_hex);
  EXPECT_GE(a.serial_hex.size(), 32U);
  EXPECT_LE(a.serial_hex.size(), 40U);
}

TEST(Certificate, is_issued_only_by_the_authority_that_signed_it) {
  const std::string leaf = leaf_of({"localhost"});
  EXPECT_TRUE(is_issued_by(leaf, authority().certificate_pem).value());
  // The same name with another key.
  const auto other = make_certificate_authority("Howdah CA test", kNow).value();
  EXPECT_FALSE(is_issued_by(leaf, other.certificate_pem).value());
  EXPECT_FALSE(is_issued_by(leaf, leaf).value());
}

TEST(Certificate, authority_with_a_foreign_key_is_refused) {
  CertificateAndKey mixed = authority();
  mixed.private_key_pem = make_certificate_authority("other", kNow).value().private_key_pem;
  EXPECT_EQ(issue_server_certificate(mixed, {"localhost"}, kNow).error().code,
            ErrorCode::config_invalid);
}

TEST(Certificate, host_that_is_neither_name_nor_address_is_refused_by_name) {
  for (const char* host : {"", "a b", "exa mple.org", "-a.org", "a-.org", "a..org", ".org",
                           "a.org.", "1.2.3.400", "1.2.3", "*", "*.", "a.*.org", "h\xc3\xb6st",
                           "x:y", "a/b", "DNS:evil", "a,DNS:b", "a\nb"}) {
    const auto result = issue_server_certificate(authority(), {"localhost", host}, kNow);
    ASSERT_FALSE(result) << host;
    EXPECT_EQ(result.error().code, ErrorCode::config_invalid);
    EXPECT_NE(result.error().message.find(std::string("\"") + host + "\""), std::string::npos);
  }
  EXPECT_FALSE(issue_server_certificate(authority(), {std::string("a\0b", 3)}, kNow));
}

TEST(Certificate, takes_1_to_100_hosts) {
  std::vector<std::string> hosts;
  EXPECT_FALSE(issue_server_certificate(authority(), hosts, kNow));
  for (int i = 0; i < 100; ++i) hosts.push_back("h" + std::to_string(i) + ".example.org");
  EXPECT_TRUE(issue_server_certificate(authority(), hosts, kNow));
  hosts.push_back("one.more");
  EXPECT_FALSE(issue_server_certificate(authority(), hosts, kNow));
}

TEST(Certificate, takes_names_at_the_limit_of_their_size) {
  const std::string label(63, 'a');
  const std::string name = label + "." + label + "." + label + "." + std::string(61, 'a');
  ASSERT_EQ(name.size(), 253U);
  EXPECT_TRUE(covers_hosts(read_certificate(leaf_of({name})).value(), {name}));
  EXPECT_FALSE(issue_server_certificate(authority(), {name + "a"}, kNow));
  EXPECT_FALSE(issue_server_certificate(authority(), {label + "a"}, kNow));
}

TEST(Certificate, covers_what_it_names_and_one_label_under_a_wildcard) {
  const auto facts =
      read_certificate(leaf_of({"localhost", "10.0.0.1", "fe80::1", "*.example.org"})).value();
  EXPECT_TRUE(covers_hosts(facts, {}));
  EXPECT_TRUE(covers_hosts(facts, {"LOCALHOST", "10.0.0.1", "FE80:0::1", "a.example.org"}));
  EXPECT_TRUE(covers_hosts(facts, {"*.example.org"}));
  for (const char* host : {"example.org", "a.b.example.org", ".example.org", "10.0.0.2", "other"}) {
    EXPECT_FALSE(covers_hosts(facts, {"localhost", host})) << host;
  }
}

TEST(Certificate, end_point_hash_is_the_sha256_of_its_der_form) {
  const std::string leaf = leaf_of({"localhost"});
  EXPECT_EQ(server_end_point_hash(leaf).value(), sha256(der_of(leaf)));
  EXPECT_EQ(to_hex(sha256(der_of(leaf))), read_certificate(leaf).value().sha256_fingerprint);
}

TEST(Certificate, end_point_hash_of_a_chain_is_that_of_its_first_certificate) {
  const std::string leaf = leaf_of({"localhost"});
  EXPECT_EQ(server_end_point_hash(leaf + authority().certificate_pem).value(),
            server_end_point_hash(leaf).value());
}

TEST(Certificate, cut_text_is_refused) {
  const std::string pem = leaf_of({"localhost"});
  for (std::size_t size = 0; size + 2 < pem.size(); size += 7) {
    EXPECT_EQ(read_certificate(pem.substr(0, size)).error().code, ErrorCode::config_invalid);
  }
  EXPECT_FALSE(server_end_point_hash(authority().private_key_pem));
  EXPECT_FALSE(is_issued_by("", pem));
}

}  // namespace
}  // namespace howdah::crypto
