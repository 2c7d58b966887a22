// SPDX-License-Identifier: Apache-2.0
// The text form only; route_file_pgtest.cc has the file itself.
#include "gate/route_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "base/test_format_page.h"
#include "gate/route_test_data.h"

namespace howdah::gate {
namespace {

std::string three_lines() {
  return encode_route_line(make_full(3, {make_route("aaaaaaaa")})) +
         encode_route_line(make_change(4, {make_route("bbbbbbbb")})) +
         encode_route_line(make_change(5, {}, {BranchId("branch-aaaaaaaa-main")}));
}

TEST(RouteFileText, what_was_written_is_read_back) {
  const std::string text = three_lines();
  const DecodedRoutes decoded = decode_route_file(text);
  ASSERT_EQ(decoded.updates.size(), 3u);
  EXPECT_EQ(decoded.good_bytes, text.size());
  EXPECT_TRUE(decoded.updates[0].snapshot);
  EXPECT_EQ(decoded.updates[1].upserted.at(0).slug, "bbbbbbbb");
  EXPECT_EQ(decoded.updates[2].version, 5u);
}

TEST(RouteFileText, a_file_cut_anywhere_keeps_its_whole_lines) {
  const std::string text = three_lines();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const DecodedRoutes decoded = decode_route_file(std::string_view(text).substr(0, size));
    const auto lines = std::count(text.begin(), text.begin() + static_cast<long>(size), '\n');
    ASSERT_EQ(decoded.updates.size(), static_cast<std::size_t>(lines)) << size;
  }
}

TEST(RouteFileText, a_changed_byte_ends_the_file_there) {
  const std::string text = three_lines();
  const std::size_t second = text.find('\n') + 1;
  for (std::size_t at = second; at < text.find('\n', second); ++at) {
    std::string damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x04);
    EXPECT_EQ(decode_route_file(damaged).updates.size(), 1u) << at;
  }
}

TEST(RouteFileText, changes_without_their_snapshot_are_dropped) {
  EXPECT_TRUE(decode_route_file(encode_route_line(make_change(4, {}))).updates.empty());
}

TEST(RouteFileText, changes_after_a_gap_are_dropped) {
  const std::string text =
      encode_route_line(make_full(3, {})) + encode_route_line(make_change(5, {}));
  EXPECT_EQ(decode_route_file(text).updates.size(), 1u);
}

// Its checksums were made by another implementation.
TEST(RouteFilePage, the_example_is_read) {
  std::istringstream page(format_page("route-file"));
  std::string text, line;
  while (std::getline(page, line)) {
    if (line.starts_with("{")) text += line + "\n";
  }
  const DecodedRoutes decoded = decode_route_file(text);
  ASSERT_EQ(decoded.updates.size(), 2u);
  EXPECT_EQ(decoded.updates[1].version, 8u);
  EXPECT_EQ(decoded.updates[1].removed.size(), 1u);
}

TEST(RouteFile, a_line_of_what_was_learned_has_the_version_before_it) {
  RouteUpdate learned;
  learned.version = 7;
  learned.learned = {{BranchId("b"), InstanceId("i-1"), "user_aaaaaaaa", "SCRAM-SHA-256$x", ""}};
  const std::string text = encode_route_line(make_full(7, {})) + encode_route_line(learned) +
                           encode_route_line(make_change(8, {}));
  const auto decoded = decode_route_file(text);
  ASSERT_EQ(decoded.updates.size(), 3u);
  EXPECT_EQ(decoded.updates[1].learned.at(0).role, "user_aaaaaaaa");
  learned.version = 8;
  EXPECT_EQ(decode_route_file(encode_route_line(make_full(7, {})) + encode_route_line(learned))
                .updates.size(),
            1u);
}

}  // namespace
}  // namespace howdah::gate
