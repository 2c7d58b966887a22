// SPDX-License-Identifier: Apache-2.0
#include "control/api_keys/api_key.h"

#include <gtest/gtest.h>

#include <set>

namespace howdah::control {
namespace {

TEST(ApiKey, has_a_readable_prefix_and_256_random_bits) {
  const std::string key = make_api_key("k3v9x2ab");
  EXPECT_TRUE(key.starts_with("hwd_k3v9x2ab_"));
  EXPECT_EQ(key.size(), 56u);  // 43 of 62 characters: 256.03 bits
  EXPECT_EQ(prefix_of_key(key), "k3v9x2ab");
}

TEST(ApiKey, is_never_the_same) {
  std::set<std::string> keys, prefixes;
  for (int i = 0; i < 1'000; ++i) {
    keys.insert(make_api_key("k3v9x2ab"));
    prefixes.insert(make_key_prefix());
  }
  EXPECT_EQ(keys.size(), 1'000u);
  EXPECT_EQ(prefixes.size(), 1'000u);
}

TEST(ApiKey, of_another_form_is_filed_under_a_derived_prefix) {
  const std::string prefix = prefix_of_key("my-own-preset-key-of-the-ci");
  EXPECT_EQ(prefix.size(), 8u);
  EXPECT_EQ(prefix, prefix_of_key("my-own-preset-key-of-the-ci"));
  EXPECT_NE(prefix, prefix_of_key("my-own-preset-key-of-the-cj"));
  const std::string cut = make_api_key("k3v9x2ab").substr(0, 55);
  EXPECT_NE(prefix_of_key(cut), "k3v9x2ab");
}

TEST(ApiKey, json_shows_no_hash) {
  ApiKey key;
  key.hash = "secret";
  EXPECT_EQ(boost::json::serialize(to_json(key)).find("secret"), std::string::npos);
}

TEST(ApiKey, scopes_have_names) {
  for (const Scope scope : {Scope::read, Scope::write, Scope::admin}) {
    EXPECT_EQ(parse_scope(to_string(scope)), scope);
  }
  EXPECT_FALSE(parse_scope("root"));
}

}  // namespace
}  // namespace howdah::control
