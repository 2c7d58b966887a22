// SPDX-License-Identifier: Apache-2.0
#include "http/event_stream.h"

#include <gtest/gtest.h>

#include <vector>

namespace howdah::http {
namespace {

std::vector<Event> parse_all(std::string_view text, std::size_t part_size) {
  EventParser parser;
  std::vector<Event> events;
  for (std::size_t at = 0; at < text.size(); at += part_size) {
    EXPECT_TRUE(parser.feed(text.substr(at, part_size), [&](const Event& event) {
      events.push_back(event);
      return true;
    }));
  }
  return events;
}

TEST(EventStream, events_survive_the_round_trip_in_parts_of_any_size) {
  const std::string text = format_event({"step", "line one\nline two", "7"}) +
                           std::string(kEventHeartbeat) + format_event({"", "{}", ""});
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const auto events = parse_all(text, part);
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].name, "step");
    EXPECT_EQ(events[0].data, "line one\nline two");
    EXPECT_EQ(events[0].id, "7");
    EXPECT_EQ(events[1].data, "{}");
    EXPECT_EQ(events[1].id, "7") << "the last id stays until another comes";
  }
}

TEST(EventStream, reading_stops_when_the_reader_has_enough) {
  EventParser parser;
  int seen = 0;
  const auto wanted = parser.feed("data: 1\n\ndata: 2\n\n", [&](const Event&) {
    ++seen;
    return false;
  });
  EXPECT_EQ(seen, 1);
  EXPECT_FALSE(wanted.value());
}

TEST(EventStream, an_endless_line_is_refused) {
  EventParser parser;
  const std::string part(1_MiB, 'x');
  Result<bool> result = true;
  for (int i = 0; i < 5 && result; ++i) {
    result = parser.feed(part, [](const Event&) { return true; });
  }
  EXPECT_FALSE(result);
}

}  // namespace
}  // namespace howdah::http
