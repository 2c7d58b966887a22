// SPDX-License-Identifier: Apache-2.0
// An IP network as firewall rules name it. Pure: no name is ever looked up.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace howdah {

struct IpNetwork {
  using Bits = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d

  Bits bits{};       // may have bits set behind the prefix
  int prefix = 128;  // of all 128 bits: 10.0.0.0/8 has 104

  // An IPv6 network that is wide enough to hold all mapped addresses is none of IPv4.
  bool is_v4() const;
  bool is_single() const { return prefix == 128; }
  bool has_host_bits() const;
  IpNetwork without_host_bits() const;

  bool operator==(const IpNetwork&) const = default;
};

// "203.0.113.7", "10.0.0.0/8", "2001:db8::/32"; "::ffff:10.0.0.0/104" is 10.0.0.0/8. Empty: it is
// no such text. Zones ("fe80::1%eth0"), names, short forms ("10/8") and leading zeros are none.
std::optional<IpNetwork> parse_ip_network(std::string_view text);

std::string address_text(const IpNetwork& network);  // "10.0.0.0", without the prefix
std::string cidr_text(const IpNetwork& network);     // "10.0.0.0/8", "203.0.113.7/32"

}  // namespace howdah
