// SPDX-License-Identifier: Apache-2.0
#include "gate/address_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace howdah::gate {
namespace {

const Timestamp kNow{std::chrono::milliseconds{1'767'000'000'000}};
const std::chrono::seconds kSecond{1};

IpNetwork network(const std::string& text) {
  return parse_ip_network(text).value();
}

Timestamp until(const AddressTable& table, const std::string& address) {
  return table.until(network(address).bits);
}

TEST(AddressTable, an_empty_one_holds_nothing) {
  EXPECT_EQ(until(AddressTable(), "10.0.0.1"), AddressTable::kNever);
  EXPECT_EQ(until(AddressTable(std::vector<AddressTable::Entry>()), "::"), AddressTable::kNever);
}

TEST(AddressTable, inside_a_network_the_latest_end_counts_whichever_is_wider) {
  const AddressTable table({{network("10.0.0.0/8"), kNow},
                            {network("10.1.0.0/16"), kNow + kSecond},
                            {network("10.1.1.0/24"), kNow - kSecond},
                            {network("10.1.1.0/24"), kNow - 2 * kSecond}});
  EXPECT_EQ(until(table, "10.0.0.0"), kNow);
  EXPECT_EQ(until(table, "10.0.255.255"), kNow);
  EXPECT_EQ(until(table, "10.1.0.0"), kNow + kSecond);
  EXPECT_EQ(until(table, "10.1.1.7"), kNow + kSecond);
  EXPECT_EQ(until(table, "10.1.255.255"), kNow + kSecond);
  EXPECT_EQ(until(table, "10.2.0.0"), kNow);
  EXPECT_EQ(until(table, "9.255.255.255"), AddressTable::kNever);
  EXPECT_EQ(until(table, "11.0.0.0"), AddressTable::kNever);
}

TEST(AddressTable, networks_that_end_at_the_last_address_there_is_do_not_wrap_around) {
  const AddressTable table({{network("::/0"), kNow},
                            {network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), kNow + kSecond},
                            {network("ff00::/8"), kNow - kSecond}});
  EXPECT_EQ(until(table, "::"), kNow);
  EXPECT_EQ(until(table, "ff00::1"), kNow);
  EXPECT_EQ(until(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), kNow + kSecond);
}

TEST(AddressTable, neighbours_that_touch_are_told_apart_at_every_prefix) {
  for (int prefix = 1; prefix <= 128; ++prefix) {
    IpNetwork lower = network("2001:db8:5555:5555:5555:5555:5555:5555");
    lower.prefix = prefix;
    lower = lower.without_host_bits();
    IpNetwork inside = network("2001:db8:5555:5555:5555:5555:5555:5555");
    const AddressTable table({{lower, kNow}});
    EXPECT_EQ(table.until(inside.bits), kNow) << prefix;
    // The neighbour differs in the last bit of the prefix.
    IpNetwork::Bits other = inside.bits;
    const auto byte = static_cast<std::size_t>((prefix - 1) / 8);
    other[byte] = static_cast<unsigned char>(other[byte] ^ (0x80 >> ((prefix - 1) % 8)));
    EXPECT_EQ(table.until(other), AddressTable::kNever) << prefix;
  }
}

// The plain way: every rule, one after the other.
Timestamp scan(const std::vector<AddressTable::Entry>& entries, const IpNetwork& address) {
  Timestamp latest = AddressTable::kNever;
  for (const auto& entry : entries) {
    IpNetwork same = address;
    same.prefix = entry.network.prefix;
    if (same.without_host_bits() == entry.network.without_host_bits()) {
      latest = std::max(latest, entry.until);
    }
  }
  return latest;
}

TEST(AddressTable, it_says_what_asking_every_rule_says) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int round = 0; round < 30; ++round) {
    std::vector<AddressTable::Entry> entries;
    for (int i = 0; i < 60; ++i) {
      // Few bits vary, so that networks often hold each other.
      IpNetwork one = network(fmt::format("10.{}.{}.0", random() % 4, random() % 4));
      one.bits[15] = static_cast<unsigned char>(random() % 8);
      one.prefix = 104 + static_cast<int>(random() % 25);
      entries.push_back({one, kNow + kSecond * static_cast<int>(random() % 5)});
    }
    const AddressTable table(entries);
    for (int i = 0; i < 500; ++i) {
      IpNetwork client =
          network(fmt::format("10.{}.{}.{}", random() % 5, random() % 5, random() % 256));
      EXPECT_EQ(table.until(client.bits), scan(entries, client)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace howdah::gate
