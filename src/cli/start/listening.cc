// SPDX-License-Identifier: Apache-2.0
#include "cli/start/listening.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <ranges>

#include "net/listener.h"

namespace howdah::cli {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kAddressesMax = 16;

bool is_unspecified(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = ip::make_address(address, error);
  return !error && parsed.is_unspecified();
}

Result<void> check_email(const std::string& domain, const std::string& email) {
  if (email.empty()) return {};
  const std::size_t at = email.find('@');
  if (at == 0 || at == std::string::npos || at + 1 == email.size() ||
      email.find_first_of(" \t\r\n") != std::string::npos) {
    return fail(ErrorCode::config_invalid, fmt::format("'{}' is no e-mail address", email),
                "give one as --email you@example.org");
  }
  if (!domain.empty()) return {};
  return fail(ErrorCode::config_invalid, "--email is of use with --domain only",
              "add --domain NAME, or leave --email out");
}

}  // namespace

std::string Listening::text() const {
  return fmt::format("{}", fmt::join(addresses, ","));
}

std::string Listening::api_url(const std::string& host, std::uint16_t port) const {
  const std::string& first = addresses.front();
  std::string name = first;
  if (open && is_unspecified(first)) name = host;
  // Only this address: localhost is often not ::1.
  if (!open && first == "127.0.0.1") name = "localhost";
  if (name.find(':') != std::string::npos) name = "[" + name + "]";  // an IPv6 address
  return fmt::format("{}://{}:{}", open ? "https" : "http", name, port);
}

Result<Listening> plan_listening(const std::string& listen, const std::string& domain,
                                 const std::string& email) {
  HOWDAH_CHECK(check_email(domain, email));
  Listening plan;
  for (const auto part : std::views::split(listen, ',')) {
    const std::string address(part.begin(), part.end());
    boost::system::error_code error;
    (void)ip::make_address(address, error);
    if (error) {
      return fail(ErrorCode::config_invalid, fmt::format("'{}' is not an IP address", address),
                  "give --listen IPv4 or IPv6 addresses, such as 127.0.0.1 or 0.0.0.0");
    }
    if (std::ranges::find(plan.addresses, address) == plan.addresses.end()) {
      plan.addresses.push_back(address);
    }
  }
  if (plan.addresses.size() > kAddressesMax) {
    return fail(ErrorCode::config_invalid,
                fmt::format("--listen takes at most {} addresses", kAddressesMax),
                "0.0.0.0 means every address");
  }
  if (plan.addresses.empty()) {
    plan.addresses = {domain.empty() || email.empty() ? "127.0.0.1" : "0.0.0.0"};
  }
  plan.open = !std::ranges::all_of(plan.addresses, net::is_loopback);
  const bool own_way_in = std::ranges::any_of(plan.addresses, net::is_loopback) ||
                          std::ranges::any_of(plan.addresses, is_unspecified);
  if (!own_way_in) plan.addresses.push_back("127.0.0.1");
  return plan;
}

}  // namespace howdah::cli
