// SPDX-License-Identifier: Apache-2.0
#include "model/ip_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace howdah {
namespace {

namespace ip = boost::asio::ip;

constexpr int kMappedPrefix = 96;  // of ::ffff:0:0/96, where IPv4 lives in IPv6
constexpr std::size_t kTextMax = 64;

bool is_mapped(const IpNetwork::Bits& bits) {
  return ip::address_v6(bits).is_v4_mapped();
}

// Only what addresses are made of: the system's own reader would also take zones and end at a zero
// byte.
bool is_plain(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF.:") == std::string_view::npos;
}

std::optional<int> parse_prefix(std::string_view digits, int prefix_max) {
  if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
  int prefix = 0;
  const auto [stop, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (fault != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
  if (prefix < 0 || prefix > prefix_max) return std::nullopt;
  return prefix;
}

}  // namespace

bool IpNetwork::is_v4() const {
  return prefix >= kMappedPrefix && is_mapped(bits);
}

bool IpNetwork::has_host_bits() const {
  return *this != without_host_bits();
}

IpNetwork IpNetwork::without_host_bits() const {
  IpNetwork network = *this;
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (whole == network.bits.size()) return network;
  const auto mask = static_cast<unsigned char>(0xff00 >> (prefix % 8));
  network.bits[whole] = static_cast<unsigned char>(network.bits[whole] & mask);
  std::fill(network.bits.begin() + static_cast<std::ptrdiff_t>(whole) + 1, network.bits.end(),
            static_cast<unsigned char>(0));
  return network;
}

std::optional<IpNetwork> parse_ip_network(std::string_view text) {
  if (text.size() > kTextMax) return std::nullopt;
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  if (!is_plain(address)) return std::nullopt;
  boost::system::error_code error;
  const auto written = ip::make_address(std::string(address), error);
  if (error) return std::nullopt;
  IpNetwork network;
  if (slash != std::string_view::npos) {
    const auto prefix = parse_prefix(text.substr(slash + 1), written.is_v4() ? 32 : 128);
    if (!prefix) return std::nullopt;
    network.prefix = written.is_v4() ? kMappedPrefix + *prefix : *prefix;
  }
  network.bits = written.is_v6() ? written.to_v6().to_bytes()
                                 : ip::make_address_v6(ip::v4_mapped, written.to_v4()).to_bytes();
  return network;
}

std::string address_text(const IpNetwork& network) {
  const ip::address_v6 address(network.bits);
  if (!network.is_v4()) return address.to_string();
  return ip::make_address_v4(ip::v4_mapped, address).to_string();
}

std::string cidr_text(const IpNetwork& network) {
  return fmt::format("{}/{}", address_text(network),
                     network.is_v4() ? network.prefix - kMappedPrefix : network.prefix);
}

}  // namespace howdah
