// SPDX-License-Identifier: Apache-2.0
#include "cli/start/host_firewall.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "os/file.h"
#include "os/process.h"

namespace howdah::cli {
namespace {

constexpr int kProgramLimit_ms = 3'000;

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (const auto part : std::views::split(text, '\n')) {
    lines.push_back(trim(std::string_view(part.begin(), part.end())));
  }
  return lines;
}

// "chain input {" -> "input"; empty when the line opens no such block.
std::string_view opened(std::string_view line, std::string_view kind) {
  if (!line.starts_with(kind) || !line.ends_with(" {")) return {};
  return trim(line.substr(kind.size(), line.size() - kind.size() - 2));
}

// A rule without a condition that ends the way of every packet.
bool drops_the_rest(std::string_view line) {
  return line == "drop" || line.starts_with("reject") ||
         (line.starts_with("counter packets") &&
          (line.ends_with(" drop") || line.find(" reject") != line.npos));
}

std::string output_of(std::vector<std::string> arguments) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/"}) {
    const std::string program = folder + arguments.front();
    if (::access(program.c_str(), X_OK) != 0) continue;
    os::SpawnOptions options;
    arguments.front() = program;
    options.arguments = std::move(arguments);
    options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
    auto output = os::run(std::move(options), kProgramLimit_ms);
    return output && output->exit_code == 0 ? output->text : std::string();
  }
  return {};
}

bool ufw_is_on() {
  const std::string text = os::read_file("/etc/ufw/ufw.conf").value_or("");
  return std::ranges::any_of(lines_of(text),
                             [](std::string_view line) { return line == "ENABLED=yes"; });
}

bool firewalld_runs() {
  std::error_code ignored;
  return std::filesystem::exists("/run/firewalld", ignored) &&
         std::filesystem::exists("/usr/bin/firewall-cmd", ignored);
}

HostFirewall one_line(std::string name, std::string line) {
  if (line.empty()) return {};
  return {std::move(name), {std::move(line)}};
}

}  // namespace

std::string nftables_line(std::string_view ruleset, const std::vector<std::uint16_t>& ports) {
  std::string_view table, chain;
  bool incoming = false;
  for (const std::string_view line : lines_of(ruleset)) {
    if (const auto name = opened(line, "table "); !name.empty()) {
      table = name;
    } else if (const auto opening = opened(line, "chain "); !opening.empty()) {
      chain = opening;
      incoming = false;
    } else if (line.find("hook input") != line.npos) {
      incoming = true;
    }
    if (!incoming || table.starts_with("ip6 ")) continue;
    if (line.find("policy drop") == line.npos && !drops_the_rest(line)) continue;
    return fmt::format("nft insert rule {} {} tcp dport {{ {} }} accept", table, chain,
                       fmt::join(ports, ", "));
  }
  return {};
}

std::string iptables_line(std::string_view rules, const std::vector<std::uint16_t>& ports) {
  const auto lines = lines_of(rules);
  const bool drops = std::ranges::any_of(lines, [](std::string_view line) {
    return line == "-P INPUT DROP" || line == "-A INPUT -j DROP" ||
           line.starts_with("-A INPUT -j REJECT");
  });
  if (!drops) return {};
  return fmt::format("iptables -I INPUT -p tcp -m multiport --dports {} -j ACCEPT",
                     fmt::join(ports, ","));
}

HostFirewall find_host_firewall(const std::vector<std::uint16_t>& ports) {
  if (ports.empty()) return {};
  if (ufw_is_on()) return {"ufw", {fmt::format("ufw allow {}/tcp", fmt::join(ports, ","))}};
  if (firewalld_runs()) {
    HostFirewall found{"firewalld", {}};
    for (const std::uint16_t port : ports) {
      found.lines.push_back(fmt::format("firewall-cmd --permanent --add-port={}/tcp", port));
    }
    found.lines.emplace_back("firewall-cmd --reload");
    return found;
  }
  if (auto line = nftables_line(output_of({"nft", "list", "ruleset"}), ports); !line.empty()) {
    return one_line("nftables", std::move(line));
  }
  return one_line("iptables", iptables_line(output_of({"iptables", "-S", "INPUT"}), ports));
}

}  // namespace howdah::cli
