// SPDX-License-Identifier: Apache-2.0
#include "gate/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace howdah::gate {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(Metrics, a_counter_is_rendered_with_its_type) {
  Metrics metrics;
  metrics.sessions_total = 7;
  EXPECT_THAT(render(metrics, {}), HasSubstr("# TYPE howdah_gate_sessions_total counter\n"
                                             "howdah_gate_sessions_total 7\n"));
}

TEST(Metrics, a_histogram_is_cumulative) {
  Metrics metrics;
  metrics.wake.add(milliseconds{4});
  metrics.wake.add(milliseconds{30});
  metrics.wake.add(std::chrono::seconds{100});
  const std::string text = render(metrics, {});
  EXPECT_THAT(text, HasSubstr("wake_seconds_bucket{le=\"0.002\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("wake_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("wake_seconds_bucket{le=\"0.05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("wake_seconds_bucket{le=\"30\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("wake_seconds_bucket{le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("wake_seconds_count 3\n"));
}

}  // namespace
}  // namespace howdah::gate
