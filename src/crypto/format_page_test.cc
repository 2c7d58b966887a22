// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/formats/sealed-value.md, which another implementation made.
#include <gtest/gtest.h>

#include <sstream>

#include "base/test_format_page.h"
#include "crypto/keyring.h"

namespace howdah::crypto {
namespace {

// The value behind "    name:" in the page.
std::string example(const std::string& name) {
  std::istringstream page(format_page("sealed-value"));
  std::string line;
  while (std::getline(page, line)) {
    const std::string start = "    " + name + ":";
    if (line.starts_with(start)) return line.substr(line.find_first_not_of(' ', start.size()));
  }
  ADD_FAILURE() << "the page has no line " << name;
  return {};
}

SealPlace example_place() {
  SealPlace place;
  std::istringstream(example("place")) >> place.table >> place.row >> place.column >> place.version;
  return place;
}

TEST(SealedValuePage, example_opens_with_its_ring) {
  const auto ring = KeyRing::from_json(example("ring"));
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->open(example("blob"), example_place()).value(), example("plaintext"));
  EXPECT_FALSE(ring->needs_rewrap(example("blob")));
}

TEST(SealedValuePage, example_recovery_key_is_that_of_the_ring) {
  const auto ring = KeyRing::from_json(example("ring"));
  ASSERT_TRUE(ring);
  EXPECT_EQ(ring->recovery_key(), example("recovery"));
  const auto rebuilt = KeyRing::from_recovery_key(example("recovery"));
  ASSERT_TRUE(rebuilt);
  EXPECT_EQ(rebuilt->open(example("blob"), example_place()).value(), example("plaintext"));
}

}  // namespace
}  // namespace howdah::crypto
