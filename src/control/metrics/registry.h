// SPDX-License-Identifier: Apache-2.0
// Counts of the API's requests, and the Prometheus text form (exposition format 0.0.4). No I/O.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "http/message.h"

namespace howdah::control {

// Writes metrics one by one; every name must be written in one go.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;
  void begin(std::string_view name, std::string_view type, std::string_view help);
  // suffix: "_bucket", "_sum", "_count" of a histogram.
  void value(double number, const Labels& labels = {}, std::string_view suffix = {});
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

class RequestMetrics {
 public:
  // Cost: a lookup and an increment; no allocation for a route that was seen before.
  void observe(const http::Request& request, const http::Response& response, milliseconds taken);
  void write(MetricsText& text) const;

 private:
  static constexpr std::array<std::int64_t, 8> kBuckets_ms{1, 5, 10, 25, 100, 500, 2'500, 10'000};
  struct Duration {
    std::array<std::uint64_t, kBuckets_ms.size()> buckets{};
    std::uint64_t count = 0;
    std::int64_t sum_ms = 0;
  };
  // Requests that matched nothing share one entry: hostile paths must not grow this.
  std::map<std::tuple<http::Method, std::string_view, int>, std::uint64_t> requests_;
  std::map<std::string_view, Duration> durations_;
};

}  // namespace howdah::control
