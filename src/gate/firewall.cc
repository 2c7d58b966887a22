// SPDX-License-Identifier: Apache-2.0
#include "gate/firewall.h"

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <utility>

namespace howdah::gate {
namespace {

IpNetwork network_of(const ip::address& address) {
  IpNetwork network;
  network.bits = address.is_v6() ? address.to_v6().to_bytes()
                                 : ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
  return network;
}

}  // namespace

Firewall::Firewall(const std::vector<RouteRule>& rules, bool default_closed)
    : closed_(default_closed || !rules.empty()) {
  std::vector<AddressTable::Entry> v4, v6;
  for (const RouteRule& rule : rules) {
    const auto network = parse_ip_network(rule.network);
    if (!network) continue;
    if (rule.expires_at) expiries_.push_back(*rule.expires_at);
    (network->is_v4() ? v4 : v6)
        .push_back({*network, rule.expires_at.value_or(AddressTable::kForever)});
  }
  std::ranges::sort(expiries_);
  v4_ = AddressTable(std::move(v4));
  v6_ = AddressTable(std::move(v6));
}

bool Firewall::admits(const ip::address& client, Timestamp at) const {
  if (!closed_) return true;
  const IpNetwork address = network_of(client);
  return at < (address.is_v4() ? v4_ : v6_).until(address.bits);
}

std::optional<Timestamp> Firewall::next_expiry(Timestamp after) const {
  const auto next = std::ranges::upper_bound(expiries_, after);
  return next == expiries_.end() ? std::nullopt : std::optional(*next);
}

std::string rule_text(const ip::address& client) {
  return address_text(network_of(client));
}

}  // namespace howdah::gate
