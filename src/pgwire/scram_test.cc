// SPDX-License-Identifier: Apache-2.0
#include "pgwire/scram.h"

#include <gtest/gtest.h>

#include "crypto/encode.h"

namespace howdah::pgwire {
namespace {

// The password and salt of RFC 7677; the keys were made with Python's hashlib.
const std::string kSalt = crypto::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value();
constexpr std::string_view kPencil =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

TEST(ScramVerifier, of_a_known_password_and_salt_is_the_known_one) {
  EXPECT_EQ(format_verifier(make_verifier("pencil", kSalt)), kPencil);
}

TEST(ScramVerifier, text_is_read_back) {
  const auto verifier = parse_verifier(kPencil);
  ASSERT_TRUE(verifier);
  EXPECT_EQ(verifier->iterations, 4096);
  EXPECT_EQ(verifier->salt, kSalt);
  EXPECT_EQ(format_verifier(*verifier), kPencil);
}

TEST(ScramVerifier, without_a_given_salt_gets_16_random_bytes) {
  const ScramVerifier a = make_verifier("pencil");
  const ScramVerifier b = make_verifier("pencil");
  EXPECT_EQ(a.salt.size(), 16U);
  EXPECT_NE(a.salt, b.salt);
  EXPECT_NE(a.stored_key, b.stored_key);
}

TEST(ScramVerifier, matches_its_password_only) {
  const auto verifier = parse_verifier(kPencil).value();
  EXPECT_TRUE(matches_password(verifier, "pencil"));
  EXPECT_FALSE(matches_password(verifier, "Pencil"));
  EXPECT_FALSE(matches_password(verifier, ""));
}

TEST(ScramVerifier, password_outside_ascii_is_used_as_its_raw_bytes) {
  const ScramVerifier verifier = make_verifier("\xff\xfe raw", kSalt, 1);
  EXPECT_TRUE(matches_password(verifier, "\xff\xfe raw"));
  EXPECT_FALSE(matches_password(verifier, "\xff\xfd raw"));
}

TEST(ScramVerifier, text_cut_at_any_byte_is_refused) {
  for (std::size_t size = 0; size < kPencil.size(); ++size) {
    const auto verifier = parse_verifier(kPencil.substr(0, size));
    ASSERT_FALSE(verifier) << size;
    EXPECT_EQ(verifier.error().code, ErrorCode::invalid_request);
  }
  EXPECT_FALSE(parse_verifier(std::string(kPencil) + "="));
}

std::string changed(std::string_view what, std::string_view by) {
  std::string text(kPencil);
  return text.replace(text.find(what), what.size(), by);
}

TEST(ScramVerifier, iterations_out_of_range_are_refused) {
  EXPECT_TRUE(parse_verifier(changed("4096", "1")));
  EXPECT_TRUE(parse_verifier(changed("4096", "1000000")));
  for (const char* iterations : {"0", "-1", "1000001", "4294967297", "", "4096x", "+5", " 5"}) {
    EXPECT_FALSE(parse_verifier(changed("4096", iterations))) << iterations;
  }
}

TEST(ScramVerifier, salt_has_1_to_64_bytes) {
  const std::string salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
  EXPECT_TRUE(parse_verifier(changed(salt, crypto::to_base64(std::string(64, 's')))));
  EXPECT_FALSE(parse_verifier(changed(salt, crypto::to_base64(std::string(65, 's')))));
  EXPECT_FALSE(parse_verifier(changed(salt, "")));
  EXPECT_FALSE(parse_verifier(changed(salt, "W22Z*J0SNY7soEsUEjb6gQ==")));
}

TEST(ScramVerifier, other_schemes_and_short_keys_are_refused) {
  EXPECT_FALSE(parse_verifier("md53175bce1d3201d16594cebf9d7eb3f9d"));
  EXPECT_FALSE(parse_verifier("pencil"));
  EXPECT_FALSE(parse_verifier(changed("SCRAM-SHA-256", "scram-sha-256")));
  EXPECT_FALSE(parse_verifier(changed("WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=", "AAAA")));
}

}  // namespace
}  // namespace howdah::pgwire
