// SPDX-License-Identifier: Apache-2.0
#include "control/metrics/registry.h"

#include <gtest/gtest.h>

namespace howdah::control {
namespace {

TEST(MetricsText, values_have_the_prometheus_form) {
  MetricsText text;
  text.begin("a_total", "counter", "Help.");
  text.value(3, {{"route", "/x\"\\\ny"}, {"status", "200"}});
  text.value(0.25, {}, "_sum");
  EXPECT_EQ(text.take(),
            "# HELP a_total Help.\n# TYPE a_total counter\n"
            "a_total{route=\"/x\\\"\\\\\\ny\",status=\"200\"} 3\na_total_sum 0.25\n");
}

TEST(RequestMetrics, requests_are_counted_by_route_and_timed_in_growing_buckets) {
  RequestMetrics metrics;
  http::Request request;
  request.pattern = "/api/databases";
  http::Response response;
  metrics.observe(request, response, milliseconds{3});
  metrics.observe(request, response, milliseconds{200});
  response.status = 404;
  request.pattern = {};
  metrics.observe(request, response, milliseconds{0});
  MetricsText text;
  metrics.write(text);
  const std::string all = text.take();
  for (const char* line :
       {"howdah_http_requests_total{method=\"GET\",route=\"/api/databases\",status=\"200\"} 2\n",
        "howdah_http_requests_total{method=\"GET\",route=\"\",status=\"404\"} 1\n",
        "_bucket{route=\"/api/databases\",le=\"0.005\"} 1\n",
        "_bucket{route=\"/api/databases\",le=\"0.5\"} 2\n",
        "_bucket{route=\"/api/databases\",le=\"+Inf\"} 2\n",
        "_sum{route=\"/api/databases\"} 0.203\n", "_count{route=\"/api/databases\"} 2\n"}) {
    EXPECT_NE(all.find(line), std::string::npos) << line << all;
  }
}

TEST(RequestMetrics, paths_that_match_nothing_share_one_entry) {
  RequestMetrics metrics;
  http::Request request;
  http::Response response;
  response.status = 404;
  for (int i = 0; i < 100; ++i) {
    request.path = "/hostile/" + std::to_string(i);
    metrics.observe(request, response, milliseconds{0});
  }
  MetricsText text;
  metrics.write(text);
  EXPECT_LT(text.take().size(), 2000U);
}

}  // namespace
}  // namespace howdah::control
