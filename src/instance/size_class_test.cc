// SPDX-License-Identifier: Apache-2.0
#include "instance/size_class.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace howdah::instance {
namespace {

std::optional<std::string> find(const std::vector<Setting>& settings, std::string_view name) {
  for (const Setting& setting : settings) {
    if (setting.name == name) return setting.value;
  }
  return std::nullopt;
}

TEST(SizeClass, every_name_is_read_back) {
  for (const SizeClass one : {SizeClass::nano, SizeClass::small, SizeClass::medium,
                              SizeClass::large, SizeClass::custom}) {
    const auto parsed = parse_size_class(to_string(one));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, one);
  }
}

TEST(SizeClass, unknown_names_are_refused) {
  for (const char* text : {"", "huge", "NANO", "nano "}) {
    const auto parsed = parse_size_class(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_request);
  }
}

TEST(SizeClass, default_follows_the_memory_of_the_machine) {
  EXPECT_EQ(default_size_class(1_GiB), SizeClass::nano);
  EXPECT_EQ(default_size_class(8_GiB - 1), SizeClass::nano);
  EXPECT_EQ(default_size_class(8_GiB), SizeClass::small);
  EXPECT_EQ(default_size_class(48_GiB - 1), SizeClass::small);
  EXPECT_EQ(default_size_class(48_GiB), SizeClass::medium);
}

TEST(SizeClass, server_keeps_a_reserve_above_what_clients_may_hold) {
  EXPECT_EQ(server_connections(SizeClass::nano, 20), 28);
  EXPECT_EQ(server_connections(SizeClass::nano, 500), 508);
}

TEST(SizeClass, few_connections_do_not_go_below_those_of_the_class) {
  EXPECT_EQ(server_connections(SizeClass::nano, 1), 28);
  EXPECT_EQ(server_connections(SizeClass::large, 20), 208);
}

TEST(SizeClass, settings_have_no_name_twice) {
  for (const int major : {13, 18}) {
    auto settings = size_settings(SizeClass::medium, 20, major);
    std::sort(settings.begin(), settings.end(),
              [](const Setting& a, const Setting& b) { return a.name < b.name; });
    const auto same =
        std::adjacent_find(settings.begin(), settings.end(),
                           [](const Setting& a, const Setting& b) { return a.name == b.name; });
    EXPECT_EQ(same, settings.end());
  }
}

TEST(SizeClass, settings_that_only_18_knows_are_left_out_before) {
  EXPECT_FALSE(find(size_settings(SizeClass::nano, 20, 17), "io_method"));
  EXPECT_EQ(find(size_settings(SizeClass::nano, 20, 18), "io_method"), "sync");
  EXPECT_FALSE(find(size_settings(SizeClass::large, 20, 18), "io_method"));
}

TEST(SizeClass, groups_leave_room_for_every_connection_and_for_settings_of_a_users_own) {
  const auto nano = group_limits(SizeClass::nano, 28, false);
  EXPECT_GE(nano.memory_max, 512_MiB);
  EXPECT_GT(nano.processes_max, 28);
  const auto many = group_limits(SizeClass::nano, 508, false);
  EXPECT_GE(many.memory_max, nano.memory_max + 480 * 4_MiB);
  EXPECT_GT(many.processes_max, 508);
  // shared_buffers may be set to 8 GB.
  EXPECT_GT(group_limits(SizeClass::nano, 28, true).memory_max, 10_GiB);
  EXPECT_GT(group_limits(SizeClass::large, 28, false).cpu_weight, nano.cpu_weight);
}

}  // namespace
}  // namespace howdah::instance
