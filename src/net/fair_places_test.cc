// SPDX-License-Identifier: Apache-2.0
#include "net/fair_places.h"

#include <gtest/gtest.h>

#include <vector>

namespace howdah::net {
namespace {

// As many as it gets.
std::vector<FairPlaces::Place> take_all(FairPlaces& places, const std::string& party) {
  std::vector<FairPlaces::Place> taken;
  while (auto place = places.take(party)) taken.push_back(std::move(*place));
  return taken;
}

TEST(FairPlaces, one_party_gets_half_and_a_second_half_of_the_rest) {
  FairPlaces places(100);
  const auto first = take_all(places, "a");
  EXPECT_EQ(first.size(), 50U);
  const auto second = take_all(places, "b");
  EXPECT_EQ(second.size(), 25U);
  EXPECT_TRUE(places.take("c"));
}

TEST(FairPlaces, whoever_has_none_finds_the_last_one_and_then_there_is_none) {
  FairPlaces places(4);
  std::vector<FairPlaces::Place> taken;
  for (const char* party : {"a", "b", "c", "d"}) taken.push_back(*places.take(party));
  EXPECT_FALSE(places.take("e"));
  taken.pop_back();
  EXPECT_TRUE(places.take("e"));
}

TEST(FairPlaces, a_place_is_given_back_once) {
  FairPlaces places(4);
  {
    auto place = places.take("a");
    const FairPlaces::Place moved(std::move(*place));
    EXPECT_EQ(places.taken_by("a"), 1U);
  }
  EXPECT_EQ(places.taken(), 0U);
  EXPECT_EQ(places.taken_by("a"), 0U);
}

TEST(FairPlaces, the_addresses_of_one_ipv6_client_are_one_party) {
  const auto party = [](const char* text) { return party_of(boost::asio::ip::make_address(text)); };
  EXPECT_EQ(party("2001:db8:1:2::1"), party("2001:db8:1:2:ffff::9"));
  EXPECT_NE(party("2001:db8:1:2::1"), party("2001:db8:1:3::1"));
  EXPECT_EQ(party("::ffff:192.0.2.1"), party("192.0.2.1"));
  EXPECT_NE(party("192.0.2.1"), party("192.0.2.2"));
}

}  // namespace
}  // namespace howdah::net
