// SPDX-License-Identifier: Apache-2.0
// The firewall of the machine itself: never changed, only the lines that would open our ports in
// it are told.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace howdah::cli {

struct HostFirewall {
  std::string name;                // "ufw", "firewalld", "nftables", "iptables"; empty: none found
  std::vector<std::string> lines;  // to be run as root
};

// What stands in the way of clients of these ports (none of them: nothing is found). Without root
// nftables and iptables show nothing. Cost: runs nft or iptables, some 10 ms.
HostFirewall find_host_firewall(const std::vector<std::uint16_t>& ports);

// From the words of `nft list ruleset`: the chain for incoming packets that drops what it does not
// know. Empty line: none does.
std::string nftables_line(std::string_view ruleset, const std::vector<std::uint16_t>& ports);
// From the words of `iptables -S INPUT`.
std::string iptables_line(std::string_view rules, const std::vector<std::uint16_t>& ports);

}  // namespace howdah::cli
