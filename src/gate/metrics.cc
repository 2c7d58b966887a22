// SPDX-License-Identifier: Apache-2.0
#include "gate/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace howdah::gate {
namespace {

void add_value(std::string& out, std::string_view name, std::string_view type,
               std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "# TYPE howdah_gate_{0} {1}\nhowdah_gate_{0} {2}\n", name,
                 type, value);
}

}  // namespace

void Histogram::add(std::chrono::steady_clock::duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  for (std::size_t i = 0; i < kBoundsSeconds.size(); ++i) {
    if (seconds <= kBoundsSeconds[i]) ++buckets_[i];
  }
  ++count_;
  sum_seconds_ += seconds;
}

void Histogram::render(std::string_view name, std::string& out) const {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "# TYPE howdah_gate_{} histogram\n", name);
  for (std::size_t i = 0; i < kBoundsSeconds.size(); ++i) {
    fmt::format_to(to, "howdah_gate_{}_bucket{{le=\"{}\"}} {}\n", name, kBoundsSeconds[i],
                   buckets_[i]);
  }
  fmt::format_to(to, "howdah_gate_{0}_bucket{{le=\"+Inf\"}} {1}\nhowdah_gate_{0}_sum {2}\n", name,
                 count_, sum_seconds_);
  fmt::format_to(to, "howdah_gate_{}_count {}\n", name, count_);
}

std::string render(const Metrics& metrics, const Gauges& gauges) {
  std::string out;
  add_value(out, "connections_total", "counter", metrics.connections_total);
  add_value(out, "connections_refused_total", "counter", metrics.connections_refused_total);
  add_value(out, "handshakes", "gauge", metrics.handshakes_open);
  add_value(out, "handshakes_failed_total", "counter", metrics.handshakes_failed_total);
  add_value(out, "authentication_failures_total", "counter", metrics.authentication_failures_total);
  add_value(out, "firewall_refusals_total", "counter", metrics.firewall_refusals_total);
  add_value(out, "limit_refusals_total", "counter", metrics.limit_refusals_total);
  add_value(out, "sessions", "gauge", gauges.sessions);
  add_value(out, "sessions_total", "counter", metrics.sessions_total);
  add_value(out, "sessions_cut_total", "counter", metrics.sessions_cut_total);
  add_value(out, "cancels_total", "counter", metrics.cancels_total);
  add_value(out, "cancels_unknown_total", "counter", metrics.cancels_unknown_total);
  add_value(out, "wakes_failed_total", "counter", metrics.wakes_failed_total);
  add_value(out, "from_clients_bytes_total", "counter", metrics.from_clients_bytes_total);
  add_value(out, "from_instances_bytes_total", "counter", metrics.from_instances_bytes_total);
  add_value(out, "routes", "gauge", gauges.routes);
  add_value(out, "route_version", "gauge", gauges.route_version);
  add_value(out, "route_stream_connected", "gauge", gauges.route_stream_connected ? 1 : 0);
  metrics.wake.render("wake_seconds", out);
  metrics.handshake.render("handshake_seconds", out);
  return out;
}

}  // namespace howdah::gate
