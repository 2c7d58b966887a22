// SPDX-License-Identifier: Apache-2.0
#include "model/ip_network.h"

#include <gtest/gtest.h>

namespace howdah {
namespace {

std::string shown(std::string_view text) {
  const auto network = parse_ip_network(text);
  return network ? cidr_text(*network) : "none";
}

TEST(IpNetwork, addresses_and_networks_of_both_families_are_read) {
  EXPECT_EQ(shown("203.0.113.7"), "203.0.113.7/32");
  EXPECT_EQ(shown("10.0.0.0/8"), "10.0.0.0/8");
  EXPECT_EQ(shown("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(shown("2001:DB8::1"), "2001:db8::1/128");
  EXPECT_EQ(shown("2001:db8::/32"), "2001:db8::/32");
  EXPECT_EQ(shown("::/0"), "::/0");
}

TEST(IpNetwork, a_mapped_address_is_the_ipv4_address_it_means) {
  EXPECT_EQ(shown("::ffff:203.0.113.7"), "203.0.113.7/32");
  EXPECT_EQ(shown("::ffff:a00:0/104"), "10.0.0.0/8");
  EXPECT_EQ(parse_ip_network("::ffff:1.2.3.4"), parse_ip_network("1.2.3.4"));
  // Wider than IPv4, so it is a network of IPv6.
  EXPECT_FALSE(parse_ip_network("::/0")->is_v4());
  EXPECT_FALSE(parse_ip_network("::ffff:0:0/95")->is_v4());
  EXPECT_TRUE(parse_ip_network("::ffff:0:0/96")->is_v4());
}

TEST(IpNetwork, host_bits_are_seen_and_the_network_meant_is_named) {
  for (const auto& [text, meant] :
       {std::pair("10.1.2.77/24", "10.1.2.0/24"), std::pair("10.0.0.1/31", "10.0.0.0/31"),
        std::pair("255.255.255.255/1", "128.0.0.0/1"), std::pair("1.2.3.4/0", "0.0.0.0/0"),
        std::pair("2001:db8::1/64", "2001:db8::/64"), std::pair("2001:db8::1/0", "::/0"),
        std::pair("2001:db8:ffff::/33", "2001:db8:8000::/33")}) {
    const auto network = parse_ip_network(text);
    ASSERT_TRUE(network) << text;
    EXPECT_TRUE(network->has_host_bits()) << text;
    EXPECT_EQ(cidr_text(network->without_host_bits()), meant);
  }
  for (const char* text : {"10.1.2.0/24", "10.1.2.77", "10.1.2.77/32", "0.0.0.0/0", "::/0",
                           "2001:db8::1", "128.0.0.0/1"}) {
    EXPECT_FALSE(parse_ip_network(text)->has_host_bits()) << text;
  }
}

TEST(IpNetwork, what_is_no_address_is_refused_and_never_repaired) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv,
                                      " "sv,
                                      "/"sv,
                                      "/8"sv,
                                      "10"sv,
                                      "10/8"sv,
                                      "10.0.0"sv,
                                      "10.0.0.256"sv,
                                      "010.0.0.1"sv,
                                      "10.0.0.1 "sv,
                                      " 10.0.0.1"sv,
                                      "10.0.0.1\0"sv,
                                      "10.0.0.1\0/8"sv,
                                      "10.0.0.0/"sv,
                                      "10.0.0.0/33"sv,
                                      "10.0.0.0/-1"sv,
                                      "10.0.0.0/+8"sv,
                                      "10.0.0.0/08"sv,
                                      "10.0.0.0/8x"sv,
                                      "10.0.0.0/8/8"sv,
                                      "10.0.0.0/255.0.0.0"sv,
                                      "0x0a000001"sv,
                                      "localhost"sv,
                                      "::1%lo"sv,
                                      "fe80::1%1/64"sv,
                                      "::/129"sv,
                                      ":::"sv,
                                      "1:2:3:4:5:6:7:8:9"sv,
                                      "[::1]"sv,
                                      "99999999999999999999"sv,
                                      "10.0.0.0/99999999999999999999"sv}) {
    EXPECT_FALSE(parse_ip_network(text)) << text;
  }
  EXPECT_FALSE(parse_ip_network(std::string(10'000, '1')));
}

}  // namespace
}  // namespace howdah
