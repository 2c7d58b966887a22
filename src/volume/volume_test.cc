// SPDX-License-Identifier: Apache-2.0
#include "volume/volume.h"

#include <gtest/gtest.h>

#include <string>

#include "volume/detail/tree.h"

namespace howdah::volume {
namespace {

TEST(VolumePath, plain_relative_paths_are_taken_apart) {
  const auto parts = tree::parse_path("instances/i-7h2k9q0c4m1x/data");
  ASSERT_TRUE(parts);
  EXPECT_EQ(*parts, (std::vector<std::string>{"instances", "i-7h2k9q0c4m1x", "data"}));
}

TEST(VolumePath, hostile_paths_are_refused) {
  for (const std::string& path :
       {std::string(""), std::string("/"), std::string("/etc"), std::string("a//b"),
        std::string("a/"), std::string("."), std::string(".."), std::string("a/../b"),
        std::string("a/./b"), std::string("a b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("ä"), std::string("a\\b"), std::string("*"), std::string(".howdah-staging/x"),
        std::string("x/.howdah-deep-1"), std::string(201, 'a')}) {
    const auto parts = tree::parse_path(path);
    ASSERT_FALSE(parts) << path;
    EXPECT_EQ(parts.error().code, ErrorCode::invalid_request);
  }
}

TEST(VolumePath, size_and_depth_are_limited) {
  EXPECT_TRUE(tree::parse_path(std::string(200, 'a')));
  EXPECT_TRUE(tree::parse_path("1/2/3/4/5/6/7/8"));
  EXPECT_FALSE(tree::parse_path("1/2/3/4/5/6/7/8/9"));
}

TEST(VolumeImage, takes_forty_percent_of_what_is_free) {
  EXPECT_EQ(image_size({100_GiB, 90_GiB}), 36_GiB);
}

TEST(VolumeImage, has_at_most_200_GiB) {
  EXPECT_EQ(image_size({4096_GiB, 4000_GiB}), 200_GiB);
  EXPECT_EQ(image_size({4096_GiB, 1020_GiB}), 200_GiB);
}

TEST(VolumeImage, leaves_the_host_a_fifth_of_its_disk) {
  EXPECT_EQ(image_size({100_GiB, 30_GiB}), 10_GiB);
  EXPECT_EQ(image_size({100_GiB, 20_GiB}), 0U);
}

TEST(VolumeImage, leaves_the_host_4_GiB) {
  EXPECT_EQ(image_size({10_GiB, 6_GiB + 512_MiB}), 2_GiB + 512_MiB);
  EXPECT_EQ(image_size({10_GiB, 6_GiB}), 2_GiB);
}

TEST(VolumeImage, of_less_than_2_GiB_is_none) {
  EXPECT_EQ(image_size({10_GiB, 6_GiB - 1}), 0U);
  EXPECT_EQ(image_size({10_GiB, 0}), 0U);
  EXPECT_EQ(image_size({0, 0}), 0U);
}

TEST(VolumeImage, is_a_whole_number_of_MiB) {
  EXPECT_EQ(image_size({100_GiB, 90_GiB + 12345}) % 1_MiB, 0U);
}

TEST(VolumeDriver, unknown_names_are_refused) {
  EXPECT_EQ(parse_driver("auto"), Driver::automatic);
  EXPECT_EQ(parse_driver("btrfs"), Driver::btrfs);
  EXPECT_EQ(parse_driver("copy"), Driver::copy);
  for (const char* wrong : {"", "BTRFS", "zfs", "btrfs "}) {
    const auto driver = parse_driver(wrong);
    ASSERT_FALSE(driver) << wrong;
    EXPECT_EQ(driver.error().code, ErrorCode::config_invalid);
  }
}

}  // namespace
}  // namespace howdah::volume
