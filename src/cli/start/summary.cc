// SPDX-License-Identifier: Apache-2.0
#include "cli/start/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "base/clock.h"
#include "base/units.h"
#include "cli/style.h"
#include "crypto/certificate.h"

namespace howdah::cli {
namespace {

std::string text_of(const boost::json::value& object, std::string_view name) {
  const auto* value = object.as_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

void row(std::string_view label, std::string_view value) {
  fmt::print("  {}  {}\n", style::dim(fmt::format("{:<10}", label)), value);
}

void print_certificate(const Layout& layout) {
  const os::Path path = layout.data / "tls" / "server.crt";
  const auto facts = crypto::read_certificate(os::read_file(path).value_or(""));
  if (!facts) return;
  row("TLS", fmt::format("{}, until {}", path.string(), to_rfc3339(facts->not_after)));
  row("", style::dim("SHA-256 " + facts->sha256_fingerprint));
}

}  // namespace

void Summary::print_open() const {
  row("Open", style::yellow(fmt::format("other machines reach it on {}; HTTP there is always TLS",
                                        fmt::join(open_addresses, ", "))));
  if (host == "localhost") {
    row("", style::dim("URLs name localhost; --public-host NAME makes them work from elsewhere"));
  }
  if (firewall.name.empty()) return;
  row("", fmt::format("{} on this machine keeps them out. To let them in:", firewall.name));
  for (const std::string& line : firewall.lines) row("", style::bold("  " + line));
}

void Summary::print() const {
  fmt::print("\n  {}  {}\n\n", style::bold("Howdah"),
             style::dim(fmt::format("{} is serving. Ctrl-C stops it cleanly.", HOWDAH_VERSION)));
  row("API", api_url + "/api");
  const std::string pooled = pooled_port == direct_port
                                 ? "the pooled port is off"
                                 : fmt::format("{}:{} pooled", host, pooled_port);
  row("Postgres",
      fmt::format("{}:{} direct, {}{}", host, direct_port, pooled,
                  open_addresses.empty() ? " (this machine only; --listen opens it)" : ""));
  row("Data", fmt::format("{} ({}, {} free)", layout.data.string(), node.volume_driver,
                          to_pretty(node.volume_free_bytes)));
  row("Key, CA",
      fmt::format("{}, {}", layout.connection_file().string(), layout.ca_certificate().string()));
  print_certificate(layout);
  if (!open_addresses.empty()) print_open();
  for (const std::string& line : node.degraded) row("Note", style::yellow(line));
  if (sample) {
    fmt::print("\n  {}\n", style::bold("Your first database, with sample data"));
    row("psql", text_of(*sample, "psql_command"));
    row("URL", text_of(*sample, "connection_string"));
    row("pooled", text_of(*sample, "connection_string_pooled"));
  }
  if (!recovery_key.empty()) {
    fmt::print("\n  {}\n", style::bold("Recovery key: save it now, it is shown only once"));
    fmt::print("  {}\n", style::yellow(recovery_key));
    fmt::print("  {}\n", style::dim("Without it, a lost secrets/ folder means lost passwords."));
  }
  fmt::print("\n  {}\n\n",
             style::dim(first_start ? "Next: howdah db create NAME | howdah psql | howdah "
                                      "status | howdah doctor"
                                    : "howdah status | howdah db list | howdah doctor"));
  std::fflush(stdout);
}

}  // namespace howdah::cli
