// SPDX-License-Identifier: Apache-2.0
// The route file on a real file system: what survives, and what a damaged file costs.
#include "gate/route_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "gate/route_test_data.h"

namespace howdah::gate {
namespace {

class RouteFileTest : public testing::Test {
 protected:
  RouteFileTest() {
    std::string pattern = "/tmp/howdah-routes-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = directory_ / "routes.jsonl";
  }
  ~RouteFileTest() override { static_cast<void>(os::remove_tree(directory_)); }

  // What a gate that starts now would know.
  std::vector<RouteUpdate> load() const {
    RouteFile file(path_);
    auto updates = file.load();
    EXPECT_TRUE(updates);
    return updates.value_or(std::vector<RouteUpdate>{});
  }
  std::string text() const { return os::read_file(path_).value_or(""); }
  void set_text(const std::string& text) const { ASSERT_TRUE(os::write_file_atomic(path_, text)); }

  os::Path directory_, path_;
};

TEST_F(RouteFileTest, no_file_is_no_routes) {
  EXPECT_TRUE(load().empty());
}

TEST_F(RouteFileTest, a_new_file_begins_with_a_snapshot) {
  RouteFile file(path_);
  ASSERT_TRUE(file.load());
  EXPECT_TRUE(file.wants_replacing());
  EXPECT_FALSE(file.append({make_change(1, {})})) << "a change alone means nothing";
  ASSERT_TRUE(file.replace(make_full(1, {make_route("aaaaaaaa")})));
  ASSERT_TRUE(file.append({make_change(2, {make_route("bbbbbbbb")}), make_change(3, {})}));
  EXPECT_EQ(load().size(), 3u);
}

TEST_F(RouteFileTest, only_its_owner_can_read_the_file) {
  RouteFile file(path_);
  ASSERT_TRUE(file.replace(make_full(1, {})));
  EXPECT_EQ(std::filesystem::status(path_).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RouteFileTest, changes_go_on_after_a_restart) {
  RouteFile first(path_);
  ASSERT_TRUE(first.replace(make_full(1, {make_route("aaaaaaaa")})));
  RouteFile second(path_);
  ASSERT_TRUE(second.load());
  EXPECT_FALSE(second.wants_replacing());
  ASSERT_TRUE(second.append({make_change(2, {})}));
  EXPECT_EQ(load().back().version, 2u);
}

TEST_F(RouteFileTest, a_tail_cut_by_a_crash_is_dropped_and_changes_go_on_behind_the_rest) {
  RouteFile first(path_);
  ASSERT_TRUE(first.replace(make_full(1, {make_route("aaaaaaaa")})));
  ASSERT_TRUE(first.append({make_change(2, {})}));
  set_text(text() + encode_route_line(make_change(3, {})).substr(0, 30));
  RouteFile second(path_);
  ASSERT_EQ(second.load()->back().version, 2u);
  ASSERT_TRUE(second.append({make_change(3, {make_route("bbbbbbbb")})}));
  const auto updates = load();
  ASSERT_EQ(updates.size(), 3u);
  EXPECT_EQ(updates.back().upserted.size(), 1u);
}

TEST_F(RouteFileTest, a_file_without_a_whole_line_is_written_anew) {
  set_text("{\"crc32c\":\"");
  RouteFile file(path_);
  ASSERT_TRUE(file.load()->empty());
  EXPECT_TRUE(file.wants_replacing());
  ASSERT_TRUE(file.replace(make_full(5, {})));
  EXPECT_EQ(load().at(0).version, 5u);
}

TEST_F(RouteFileTest, many_changes_make_it_want_replacing_and_that_makes_it_small) {
  RouteFile file(path_);
  ASSERT_TRUE(file.replace(make_full(1, {make_route("aaaaaaaa")})));
  std::uint64_t version = 1;
  while (!file.wants_replacing()) {
    std::vector<RouteUpdate> changes;
    for (int i = 0; i < 500; ++i) {
      changes.push_back(make_change(++version, {make_route("aaaaaaaa")}));
    }
    ASSERT_TRUE(file.append(changes));
    ASSERT_LT(version, 100'000u);
  }
  EXPECT_GT(text().size(), 1_MiB);
  ASSERT_TRUE(file.replace(make_full(version, {make_route("aaaaaaaa")})));
  EXPECT_LT(text().size(), 4_KiB);
  EXPECT_EQ(load().at(0).version, version);
}

}  // namespace
}  // namespace howdah::gate
