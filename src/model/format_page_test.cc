// SPDX-License-Identifier: Apache-2.0
// The worked example of docs/formats/route-stream.md.
#include <gtest/gtest.h>

#include <sstream>

#include "base/test_format_page.h"
#include "model/route.h"

namespace howdah {
namespace {

// The JSON lines of the page's example, in their order.
std::vector<boost::json::value> example_lines() {
  std::istringstream page(format_page("route-stream"));
  std::vector<boost::json::value> lines;
  std::string line;
  while (std::getline(page, line)) {
    if (line.starts_with('{')) lines.push_back(boost::json::parse(line));
  }
  return lines;
}

TEST(RouteStreamPage, example_is_what_the_code_reads_and_writes) {
  const auto lines = example_lines();
  ASSERT_EQ(lines.size(), 7u);
  for (const std::size_t index : {0u, 2u, 3u, 4u, 5u, 6u}) {
    const auto message = gate_message_from_json(lines[index]);
    ASSERT_TRUE(message) << message.error().message;
    EXPECT_EQ(to_json(*message), lines[index]);
  }
  const auto update = route_update_from_json(lines[1]);
  ASSERT_TRUE(update) << update.error().message;
  EXPECT_EQ(to_json(*update), lines[1]);
}

}  // namespace
}  // namespace howdah
