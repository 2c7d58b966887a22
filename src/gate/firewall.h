// SPDX-License-Identifier: Apache-2.0
// The firewall rules of one branch, compiled once when the route arrives. Pure.
//
// Fails closed: a rule whose network cannot be read admits nobody, and a rule that has expired
// still counts as a rule, so an address list that ran out never opens the database to everybody.
#pragma once
#include <array>
#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "model/route.h"

namespace howdah::gate {

namespace ip = boost::asio::ip;

class Firewall {
 public:
  Firewall() = default;  // admits everybody
  Firewall(const std::vector<RouteRule>& rules, bool default_closed);

  // An IPv4 client that came over an IPv6 socket is judged by its IPv4 address.
  bool admits(const ip::address& client, Timestamp at) const;
  // When the next rule after `at` stops to count: live sessions must then be judged again.
  std::optional<Timestamp> next_expiry(Timestamp after) const;

 private:
  using Bits = std::array<unsigned char, 16>;  // IPv4 as ::ffff:a.b.c.d
  struct Rule {
    Bits network;
    int prefix;
    bool v4;
    std::optional<Timestamp> expires_at;
  };

  static std::optional<Rule> compile(std::string_view network);
  static bool matches(const Rule& rule, const Bits& client, bool v4);

  std::vector<Rule> rules_;
  bool closed_ = false;
};

}  // namespace howdah::gate
