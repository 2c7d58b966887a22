// SPDX-License-Identifier: Apache-2.0
// The firewall rules of one branch, compiled once when the route arrives. Pure.
//
// Fails closed: a rule whose network cannot be read admits nobody, and a rule that has expired
// still counts as a rule, so an address list that ran out never opens the database to everybody.
#pragma once
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <vector>

#include "gate/address_table.h"
#include "model/route.h"

namespace howdah::gate {

namespace ip = boost::asio::ip;

class Firewall {
 public:
  Firewall() = default;  // admits everybody
  Firewall(const std::vector<RouteRule>& rules, bool default_closed);

  // An IPv4 client that came over an IPv6 socket is judged by its IPv4 address.
  // Cost: one binary search; about 0.1 us with 10,000 rules (firewall_bench.cc).
  bool admits(const ip::address& client, Timestamp at) const;
  // When the next rule after `at` stops to count: live sessions must then be judged again.
  std::optional<Timestamp> next_expiry(Timestamp after) const;

 private:
  AddressTable v4_, v6_;
  std::vector<Timestamp> expiries_;  // sorted
  bool closed_ = false;
};

// A client's address as a rule would name it: without a zone, IPv4 in its own form.
std::string rule_text(const ip::address& client);

}  // namespace howdah::gate
