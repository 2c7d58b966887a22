// SPDX-License-Identifier: Apache-2.0
#include "crypto/random.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

namespace howdah::crypto {
namespace {

TEST(Random, bytes_have_the_wanted_count_and_differ) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(33).size(), 33U);
  EXPECT_NE(random_bytes(16), random_bytes(16));
}

TEST(Random, text_takes_every_character_equally_often) {
  // 200 characters: a modulo of a byte would give the first 56 twice the share of the others.
  std::string alphabet;
  for (int i = 0; i < 200; ++i) alphabet += static_cast<char>(i);
  constexpr int kDraws = 400'000;
  std::array<int, 200> counts{};
  for (const char c : random_text(alphabet, kDraws)) ++counts[static_cast<unsigned char>(c)];
  double chi_square = 0;
  for (const int count : counts) {
    const double off = count - kDraws / 200.0;
    chi_square += off * off / (kDraws / 200.0);
  }
  // 199 degrees of freedom: mean 199, deviation 20; a biased generator gives about 50,000.
  EXPECT_LT(chi_square, 400);
}

TEST(Random, text_of_one_letter_or_of_all_bytes_works) {
  EXPECT_EQ(random_text("x", 5), "xxxxx");
  EXPECT_EQ(random_text(std::string(256, 'y'), 3), "yyy");
  EXPECT_EQ(random_text("abc", 0), "");
}

TEST(Random, password_has_24_letters_and_digits) {
  const std::string password = make_password();
  EXPECT_EQ(password.size(), 24U);
  EXPECT_EQ(password.find_first_not_of(kPasswordAlphabet), std::string::npos);
  EXPECT_NE(password, make_password());
}

TEST(Random, uuid_is_of_version_4_and_unique) {
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    const std::string uuid = make_uuid();
    ASSERT_EQ(uuid.size(), 36U);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) EXPECT_EQ(uuid[dash], '-');
    EXPECT_EQ(uuid[14], '4');
    EXPECT_NE(std::string_view("89ab").find(uuid[19]), std::string_view::npos);
    EXPECT_EQ(uuid.find_first_not_of("0123456789abcdef-"), std::string::npos);
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace howdah::crypto
