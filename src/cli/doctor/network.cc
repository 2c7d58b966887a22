// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <chrono>

#include "base/clock.h"
#include "base/json.h"
#include "cli/doctor/doctor.h"
#include "cli/start/host_firewall.h"
#include "crypto/certificate.h"
#include "os/ports.h"

namespace howdah::cli::doctor {
namespace {

using std::chrono::days;

constexpr days kCertificateWarning{14};  // it is renewed 30 days before its end

struct Port {
  std::uint16_t number;
  const char* flag;
};

// Those of the running Howdah, else the usual ones.
std::vector<Port> ports_of(const Subject& subject) {
  std::vector<Port> ports{{3000, "--http-port"}, {5432, "--direct-port"}, {6432, "--pooled-port"}};
  const auto text = os::read_file(subject.layout.connection_file(), 64_KiB);
  const auto value = text ? parse_json(*text) : Result<json::value>(std::unexpected(Error{}));
  if (!value || !value->is_object()) return ports;
  const json::object& connection = value->get_object();
  const auto number = [&](std::string_view name, std::uint16_t fallback) {
    const auto* found = connection.if_contains(name);
    return found != nullptr && found->is_int64() ? static_cast<std::uint16_t>(found->get_int64())
                                                 : fallback;
  };
  ports[1].number = number("direct_port", 5432);
  ports[2].number = number("pooled_port", 6432);
  const std::size_t colon = subject.api_url.rfind(':');
  if (colon != std::string::npos) {
    unsigned parsed = 3000;
    (void)std::from_chars(subject.api_url.data() + colon + 1,
                          subject.api_url.data() + subject.api_url.size(), parsed);
    ports[0].number = static_cast<std::uint16_t>(parsed);
  }
  return ports;
}

}  // namespace

Findings check_ports(const Subject& subject) {
  const auto ports = ports_of(subject);
  std::string text;
  for (const Port& port : ports) text += fmt::format("{}{}", text.empty() ? "" : ", ", port.number);
  Findings found;
  for (const Port& port : ports) {
    const bool taken = os::is_listened_on(port.number);
    // Without root the program of another user cannot be told.
    const auto owner = os::program_listening_on(port.number);
    const bool ours = subject.running && (!owner || owner->starts_with("howdah"));
    if (subject.running && !taken && port.flag == std::string_view("--pooled-port")) {
      found.push_back({Status::note, "ports",
                       fmt::format("nobody listens on {}: pooled connections are off", port.number),
                       "", ""});
    } else if (subject.running && !taken) {
      found.push_back({Status::fail, "ports", fmt::format("nobody listens on {}", port.number),
                       "clients are refused",
                       "look at the logs in " + (subject.layout.data / "logs").string()});
    } else if (taken && !ours) {
      found.push_back({subject.running ? Status::note : Status::warn, "ports",
                       fmt::format("{} is in use by {}", port.number,
                                   owner.value_or("a program of another user")),
                       subject.running ? "" : "Howdah cannot start with this port",
                       fmt::format("stop that program, or start Howdah with {} N", port.flag)});
    }
  }
  if (found.empty()) {
    found.push_back(
        {Status::ok, "ports", text + (subject.running ? " are served" : " are free"), "", ""});
  }
  return found;
}

Findings check_certificate(const Subject& subject) {
  const os::Path path = subject.layout.data / "tls" / "server.crt";
  const auto pem = os::read_file(path, 1_MiB);
  if (!pem) return {};
  const auto facts = crypto::read_certificate(*pem);
  if (!facts) {
    return {{Status::fail, "tls certificate", facts.error().message,
             "clients cannot connect after the next start",
             fmt::format("delete {} and restart Howdah: it makes a new one", path.string())}};
  }
  const std::string text = fmt::format("for {}, until {}", fmt::join(facts->hosts, ", "),
                                       to_rfc3339(facts->not_after).substr(0, 10));
  if (facts->not_before > now()) {
    return {{Status::fail, "tls certificate", text + ", but not yet valid",
             "clients that check it refuse it: the clock was ahead when it was made",
             "set the clock right, then restart Howdah: it makes a new one"}};
  }
  if (facts->not_after - now() < kCertificateWarning) {
    return {{Status::fail, "tls certificate", text, "clients that check it refuse it from then on",
             "restart Howdah: it renews the certificate (by itself it does so every hour, 30 days "
             "before the end; see the log of howdahd)"}};
  }
  return {{Status::ok, "tls certificate", text, "", ""}};
}

Findings check_firewall(const Subject& subject) {
  if (!subject.api_url.starts_with("https:")) return {};
  std::vector<std::uint16_t> numbers;
  for (const Port& port : ports_of(subject)) numbers.push_back(port.number);
  const HostFirewall firewall = find_host_firewall(numbers);
  if (firewall.name.empty()) {
    return {{Status::ok, "host firewall", "none that refuses was seen", "", ""}};
  }
  return {{Status::note, "host firewall", firewall.name + " is on",
           "it may keep other machines out; Howdah never changes it",
           fmt::format("to let them in: {}", fmt::join(firewall.lines, "; "))}};
}

}  // namespace howdah::cli::doctor
