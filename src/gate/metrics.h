// SPDX-License-Identifier: Apache-2.0
// What the gate counts, and its text form for Prometheus. Used on the gate's one thread.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace howdah::gate {

class Histogram {
 public:
  void add(std::chrono::steady_clock::duration duration);
  std::uint64_t count() const { return count_; }
  void render(std::string_view name, std::string& out) const;

 private:
  static constexpr std::array<double, 10> kBoundsSeconds{0.002, 0.005, 0.01, 0.025, 0.05,
                                                         0.1,   0.25,  1.0,  5.0,   30.0};
  std::array<std::uint64_t, kBoundsSeconds.size()> buckets_{};
  std::uint64_t count_ = 0;
  double sum_seconds_ = 0;
};

struct Metrics {
  std::uint64_t connections_total = 0;          // accepted
  std::uint64_t connections_refused_total = 0;  // too many in handshake, or no descriptor left
  std::uint64_t handshakes_open = 0;            // accepted, not yet relaying
  std::uint64_t handshakes_failed_total = 0;    // ended before authentication
  std::uint64_t authentication_failures_total = 0;
  std::uint64_t firewall_refusals_total = 0;
  std::uint64_t limit_refusals_total = 0;   // 53300
  std::uint64_t sessions_total = 0;         // reached the relay
  std::uint64_t sessions_cut_total = 0;     // ended by a change of their route
  std::uint64_t cancels_total = 0;          // forwarded
  std::uint64_t cancels_unknown_total = 0;  // no session has the key
  std::uint64_t wakes_failed_total = 0;
  std::uint64_t from_clients_bytes_total = 0;
  std::uint64_t from_instances_bytes_total = 0;
  Histogram wake;       // a session's wait for its instance, where it had to ask for it
  Histogram handshake;  // accept to relay
};

// Values that belong to others at the moment of asking.
struct Gauges {
  std::uint64_t sessions = 0;
  std::uint64_t routes = 0;
  std::uint64_t route_version = 0;
  bool route_stream_connected = false;
};

// Text exposition format 0.0.4.
std::string render(const Metrics& metrics, const Gauges& gauges);

}  // namespace howdah::gate
