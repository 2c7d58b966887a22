// SPDX-License-Identifier: Apache-2.0
#include "control/metrics/registry.h"

#include <fmt/format.h>

namespace howdah::control {
namespace {

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

}  // namespace

void MetricsText::begin(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::value(double number, const Labels& labels, std::string_view suffix) {
  text_.append(name_).append(suffix);
  char separator = '{';
  for (const auto& [label, content] : labels) {
    text_ += separator;
    text_ += fmt::format("{}=\"{}\"", label, escape(content));
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += fmt::format(" {}\n", number);
}

void RequestMetrics::observe(const http::Request& request, const http::Response& response,
                             milliseconds taken) {
  // The pattern's text belongs to the router, which lives as long as the process.
  ++requests_[{request.method, request.pattern, response.status}];
  Duration& duration = durations_[request.pattern];
  ++duration.count;
  duration.sum_ms += taken.count();
  for (std::size_t i = 0; i < kBuckets_ms.size(); ++i) {
    if (taken.count() <= kBuckets_ms[i]) ++duration.buckets[i];
  }
}

void RequestMetrics::write(MetricsText& text) const {
  text.begin("howdah_http_requests_total", "counter", "Requests answered by the API.");
  for (const auto& [key, count] : requests_) {
    const auto& [method, pattern, status] = key;
    text.value(static_cast<double>(count), {{"method", std::string(to_string(method))},
                                            {"route", std::string(pattern)},
                                            {"status", std::to_string(status)}});
  }
  text.begin("howdah_http_request_duration_seconds", "histogram",
             "Time until the head of the answer was ready.");
  for (const auto& [pattern, duration] : durations_) {
    const std::string route(pattern);
    for (std::size_t i = 0; i < kBuckets_ms.size(); ++i) {
      text.value(
          static_cast<double>(duration.buckets[i]),
          {{"route", route}, {"le", fmt::format("{}", static_cast<double>(kBuckets_ms[i]) / 1000)}},
          "_bucket");
    }
    const auto count = static_cast<double>(duration.count);
    text.value(count, {{"route", route}, {"le", "+Inf"}}, "_bucket");
    text.value(static_cast<double>(duration.sum_ms) / 1000, {{"route", route}}, "_sum");
    text.value(count, {{"route", route}}, "_count");
  }
}

}  // namespace howdah::control
