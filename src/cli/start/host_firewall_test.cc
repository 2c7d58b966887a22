// SPDX-License-Identifier: Apache-2.0
#include "cli/start/host_firewall.h"

#include <gtest/gtest.h>

namespace howdah::cli {
namespace {

const std::vector<std::uint16_t> kPorts{3000, 5432, 6432};

TEST(HostFirewall, an_nftables_chain_that_drops_is_named_in_the_line) {
  const auto line = nftables_line(R"(table ip6 filter {
	chain input {
		type filter hook input priority filter; policy drop;
	}
}
table inet filter {
	chain forward {
		type filter hook forward priority filter; policy drop;
	}
	chain incoming {
		type filter hook input priority filter; policy drop;
		tcp dport 22 accept
	}
})",
                                  kPorts);
  EXPECT_EQ(line, "nft insert rule inet filter incoming tcp dport { 3000, 5432, 6432 } accept");
}

TEST(HostFirewall, a_last_rule_that_refuses_the_rest_counts_as_well) {
  const auto line = nftables_line(
      "table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n"
      "\t\ttcp dport 22 accept\n\t\tcounter packets 5 bytes 300 drop\n\t}\n}\n",
      kPorts);
  EXPECT_EQ(line, "nft insert rule inet f in tcp dport { 3000, 5432, 6432 } accept");
}

TEST(HostFirewall, nothing_is_said_where_nothing_is_in_the_way) {
  EXPECT_EQ(nftables_line("", kPorts), "");
  EXPECT_EQ(nftables_line("table inet f {\n\tchain in {\n\t\ttype filter hook input priority 0; "
                          "policy accept;\n\t\tip saddr 192.0.2.1 drop\n\t}\n}\n",
                          kPorts),
            "");
  EXPECT_EQ(iptables_line("-P INPUT ACCEPT\n-A INPUT -s 192.0.2.1/32 -j DROP\n", kPorts), "");
}

TEST(HostFirewall, iptables_is_read_too) {
  EXPECT_EQ(iptables_line("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n", {5432}),
            "iptables -I INPUT -p tcp -m multiport --dports 5432 -j ACCEPT");
  EXPECT_NE(iptables_line("-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with x\n", kPorts), "");
}

}  // namespace
}  // namespace howdah::cli
