// SPDX-License-Identifier: Apache-2.0
#include "crypto/encode.h"

#include <gtest/gtest.h>

#include "crypto/random.h"

namespace howdah::crypto {
namespace {

TEST(Encode, base64_matches_the_vectors_of_rfc_4648) {
  EXPECT_EQ(to_base64(""), "");
  EXPECT_EQ(to_base64("f"), "Zg==");
  EXPECT_EQ(to_base64("fo"), "Zm8=");
  EXPECT_EQ(to_base64("foo"), "Zm9v");
  EXPECT_EQ(to_base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zm9vYg=="), "foob");
  EXPECT_EQ(from_base64(""), "");
}

TEST(Encode, every_size_survives_the_way_there_and_back) {
  for (std::size_t size = 0; size < 70; ++size) {
    const std::string bytes = random_bytes(size);
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
    EXPECT_EQ(from_base64url(to_base64url(bytes)), bytes);
    EXPECT_EQ(from_hex(to_hex(bytes)), bytes);
  }
}

TEST(Encode, base64_refuses_what_is_not_the_one_text_of_its_bytes) {
  for (const char* text : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zg==Zg==", "=",
                           "====", "Zm9v\n", " Zm9", "Zm-_", "Zm9v====", "Z=g="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

TEST(Encode, base64url_uses_its_own_alphabet_without_padding) {
  EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(from_base64url("-_8"), "\xfb\xff");
  EXPECT_EQ(from_base64url("-_8="), std::nullopt);
  EXPECT_EQ(from_base64url("+/8"), std::nullopt);
  EXPECT_EQ(from_base64url("A"), std::nullopt);
}

TEST(Encode, hex_is_lower_case_and_read_in_either) {
  EXPECT_EQ(to_hex(std::string("\x00\xAB\x7f", 3)), "00ab7f");
  EXPECT_EQ(from_hex("00aB7F"), std::string("\x00\xAB\x7f", 3));
  EXPECT_EQ(from_hex("0"), std::nullopt);
  EXPECT_EQ(from_hex("0g"), std::nullopt);
}

}  // namespace
}  // namespace howdah::crypto
