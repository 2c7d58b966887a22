// SPDX-License-Identifier: Apache-2.0
// Firewall rules as callers give them and as they are shown. Values only; no I/O.
#pragma once
#include <boost/json.hpp>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"

namespace howdah::control {

// An address or network that may connect, in its one written form.
struct AllowedAddress {
  std::string network;     // "203.0.113.7/32", for comparing and for the gates
  std::string ip_address;  // "203.0.113.7", with a prefix only where one was given
};
// Errors: what is wrong with the text, as the end of a sentence about its field: "must be ...".
std::expected<AllowedAddress, std::string> parse_allowed_address(std::string_view text);
// The array `name` of addresses, each reported by its own pointer ("/allowedIps/3").
std::vector<AllowedAddress> read_allowed_addresses(JsonReader& in, std::string_view name);
// Of one list that comes with a request; more are added one by one.
inline constexpr std::size_t kAllowedAddressesMax = 1'000;

struct NewFirewallRule {
  AllowedAddress address;
  std::string description;
  std::optional<Timestamp> expires_at;
  std::optional<std::string> branch;  // slug; empty: every branch
};
// at: the present. Errors: invalid_request naming every wrong, missing and unknown field at once.
Result<NewFirewallRule> read_new_firewall_rule(const json::value& body, Timestamp at);

struct FirewallRule {
  std::string id;  // UUID
  DatabaseId database_id;
  std::optional<std::string> branch;  // slug; empty: every branch
  std::string ip_address;
  std::string description;
  std::string added_by;
  Timestamp added_at;
  std::optional<Timestamp> expires_at;
};
// With its ETag, so that a row of a list tells what DELETE with If-Match takes.
json::object to_json(const FirewallRule& rule);
// For Preconditions::check.
std::string revision_of(const FirewallRule& rule);

}  // namespace howdah::control
