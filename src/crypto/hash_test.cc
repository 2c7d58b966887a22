// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <gtest/gtest.h>

#include "crypto/encode.h"

namespace howdah::crypto {
namespace {

TEST(Hash, sha256_matches_fips_180) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, hmac_matches_rfc_4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(std::string(131, '\xaa'),
                               "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hash, hmac_takes_an_empty_key_and_empty_data) {
  EXPECT_EQ(to_hex(hmac_sha256("", "")),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
  EXPECT_EQ(hmac_sha256({}, {}), hmac_sha256("", ""));
}

TEST(Hash, pbkdf2_matches_rfc_7914) {
  EXPECT_EQ(to_hex(pbkdf2_hmac_sha256("passwd", "salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc");
  EXPECT_EQ(pbkdf2_hmac_sha256({}, "salt", 2), pbkdf2_hmac_sha256("", "salt", 2));
}

TEST(Hash, constant_time_equal_compares_all_bytes) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "xbc"));
  EXPECT_FALSE(constant_time_equal("abc", "ab"));
  EXPECT_FALSE(constant_time_equal("a", ""));
}

TEST(Hash, wipe_overwrites_the_bytes_before_it_empties_the_string) {
  std::string secret = "a secret that is too long for the small string buffer";
  const char* bytes = secret.data();
  const std::size_t size = secret.size();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  // The string keeps its buffer, so its old bytes may still be looked at.
  for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(bytes[i], '\0');
}

}  // namespace
}  // namespace howdah::crypto
