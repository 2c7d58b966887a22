// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/etag.h"
#include "model/ip_network.h"
#include "model/names.h"

namespace howdah::control {
namespace {

constexpr std::size_t kDescriptionMax = 500;
constexpr std::size_t kAddressMax = 64;

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

json::object facts_of(const FirewallRule& rule) {
  return {{"id", rule.id},
          {"database_id", rule.database_id.str()},
          {"ip_address", rule.ip_address},
          {"description", rule.description},
          {"added_at", to_rfc3339(rule.added_at)},
          {"expires_at",
           rule.expires_at ? json::value(to_rfc3339(*rule.expires_at)) : json::value(nullptr)},
          {"branch", or_null(rule.branch)},
          {"added_by", rule.added_by}};
}

}  // namespace

std::expected<AllowedAddress, std::string> parse_allowed_address(std::string_view text) {
  const auto network = parse_ip_network(text);
  if (!network) {
    return std::unexpected(
        std::string("must be an IPv4 or IPv6 address, or a network such as 10.0.0.0/8 or "
                    "2001:db8::/32"));
  }
  if (network->has_host_bits()) {
    return std::unexpected(fmt::format(
        "has bits set behind its prefix: give {} for the network, or {} for that one address",
        cidr_text(network->without_host_bits()), address_text(*network)));
  }
  const bool with_prefix = text.find('/') != std::string_view::npos;
  const std::string cidr = cidr_text(*network);
  return AllowedAddress{cidr, with_prefix ? cidr : address_text(*network)};
}

std::vector<AllowedAddress> read_allowed_addresses(JsonReader& in, std::string_view name) {
  std::vector<AllowedAddress> addresses;
  std::set<std::string> seen;
  const auto texts = in.optional_strings(name, kAllowedAddressesMax);
  for (std::size_t i = 0; texts && i < texts->size(); ++i) {
    const auto parsed = parse_allowed_address((*texts)[i]);
    const std::string place = fmt::format("{}/{}", name, i);
    if (!parsed) {
      in.reject(place, parsed.error());
    } else if (!seen.insert(parsed->network).second) {
      in.reject(place, "is in the list already");
    } else {
      addresses.push_back(*parsed);
    }
  }
  return addresses;
}

Result<NewFirewallRule> read_new_firewall_rule(const json::value& body, Timestamp at) {
  JsonReader in(body);
  NewFirewallRule rule;
  const std::string address = in.required_string("ipAddress", 1, kAddressMax);
  if (!address.empty()) {
    if (auto parsed = parse_allowed_address(address)) {
      rule.address = std::move(*parsed);
    } else {
      in.reject("ipAddress", std::move(parsed).error());
    }
  }
  rule.description = in.optional_string("description", 0, kDescriptionMax).value_or("");
  if (has_control_characters(rule.description)) {
    in.reject("description", "must not have control characters");
  }
  if (const auto text = in.optional_string("expiresAt", 1, 40)) {
    rule.expires_at = parse_rfc3339(*text);
    if (!rule.expires_at || *rule.expires_at <= at) {
      in.reject("expiresAt", "must be a time to come, such as 2030-01-31T00:00:00Z");
    }
  }
  rule.branch = in.optional_string("branch", 1, 40);
  if (rule.branch && !is_branch_slug(*rule.branch)) {
    in.reject("branch", "must be the slug of a branch, such as main");
  }
  HOWDAH_CHECK(in.finish());
  return rule;
}

// It is never changed, so all of it is its revision.
std::string revision_of(const FirewallRule& rule) {
  return content_revision(facts_of(rule));
}

json::object to_json(const FirewallRule& rule) {
  json::object out = facts_of(rule);
  std::string etag = etag_of(content_revision(out), out);
  out["etag"] = std::move(etag);
  return out;
}

}  // namespace howdah::control
