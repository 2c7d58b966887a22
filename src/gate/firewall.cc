// SPDX-License-Identifier: Apache-2.0
#include "gate/firewall.h"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <charconv>
#include <string>

namespace howdah::gate {
namespace {

constexpr int kMappedPrefix = 96;  // of ::ffff:0:0/96, where IPv4 lives in IPv6

ip::address unmapped(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  }
  return address;
}

std::array<unsigned char, 16> bits_of(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

}  // namespace

std::optional<Firewall::Rule> Firewall::compile(std::string_view network) {
  const std::size_t slash = network.find('/');
  boost::system::error_code error;
  const auto written = ip::make_address(std::string(network.substr(0, slash)), error);
  if (error || (written.is_v6() && written.to_v6().scope_id() != 0)) return std::nullopt;
  const int size = written.is_v4() ? 32 : 128;
  int prefix = size;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    const auto [stop, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (fault != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
    if (prefix < 0 || prefix > size) return std::nullopt;
  }
  if (written.is_v4()) prefix += kMappedPrefix;
  const bool v4 = unmapped(written).is_v4() && prefix >= kMappedPrefix;
  return Rule{bits_of(written), prefix, v4, std::nullopt};
}

Firewall::Firewall(const std::vector<RouteRule>& rules, bool default_closed)
    : closed_(default_closed || !rules.empty()) {
  for (const RouteRule& rule : rules) {
    if (auto compiled = compile(rule.network)) {
      compiled->expires_at = rule.expires_at;
      rules_.push_back(*compiled);
    }
  }
}

bool Firewall::matches(const Rule& rule, const Bits& client, bool v4) {
  if (rule.v4 != v4) return false;
  const auto bytes = static_cast<std::size_t>(rule.prefix / 8);
  if (!std::equal(client.begin(), client.begin() + bytes, rule.network.begin())) return false;
  const int rest = rule.prefix % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest) & 0xff;
  return ((client[bytes] ^ rule.network[bytes]) & mask) == 0;
}

bool Firewall::admits(const ip::address& client, Timestamp at) const {
  if (!closed_) return true;
  const ip::address address = unmapped(client);
  const Bits bits = bits_of(address);
  return std::ranges::any_of(rules_, [&](const Rule& rule) {
    return (!rule.expires_at || at < *rule.expires_at) && matches(rule, bits, address.is_v4());
  });
}

std::optional<Timestamp> Firewall::next_expiry(Timestamp after) const {
  std::optional<Timestamp> next;
  for (const Rule& rule : rules_) {
    if (!rule.expires_at || *rule.expires_at <= after) continue;
    if (!next || *rule.expires_at < *next) next = rule.expires_at;
  }
  return next;
}

}  // namespace howdah::gate
