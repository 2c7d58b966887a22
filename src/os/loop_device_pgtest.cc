// SPDX-License-Identifier: Apache-2.0
#include "os/loop_device.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>
// After unistd.h: both define block sizes.
#include <linux/fs.h>

#include "os/mount.h"

namespace howdah::os {
namespace {

namespace fs = std::filesystem;

class Loop : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it attaches devices and mounts";
    std::string name = "/tmp/howdah-os-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    const auto fd = open_file(image(), O_RDWR | O_CREAT);
    ASSERT_TRUE(fd);
    ASSERT_EQ(::fallocate(fd->get(), 0, 0, 1 << 20), 0);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    (void)unmount(folder_ / "point");
    fs::remove_all(folder_);
  }
  Path image() const { return folder_ / "image"; }
  Path folder_;
};

TEST_F(Loop, an_attached_image_is_found_and_has_direct_io_and_its_size) {
  const auto none = find_loop(image());
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  const auto device = attach_loop(image());
  ASSERT_TRUE(device) << device.error().to_log();
  EXPECT_TRUE(device->direct_io);
  std::uint64_t size = 0;
  ASSERT_EQ(::ioctl(device->fd.get(), BLKGETSIZE64, &size), 0);
  EXPECT_EQ(size, 1_MiB);
  const auto found = find_loop(image());
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->path, device->path);
}

TEST_F(Loop, it_detaches_when_its_last_descriptor_is_closed) {
  {
    const auto device = attach_loop(image());
    ASSERT_TRUE(device);
    const auto early = wait_until_detached(image(), 20);
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().code, ErrorCode::timeout);
  }
  EXPECT_TRUE(wait_until_detached(image(), 5000));
}

TEST_F(Loop, another_file_with_the_same_name_is_not_taken_for_it) {
  const auto device = attach_loop(image());
  ASSERT_TRUE(device);
  fs::rename(image(), folder_ / "moved");
  ASSERT_TRUE(write_file_atomic(image(), "another"));
  const auto found = find_loop(image());
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  const auto moved = find_loop(folder_ / "moved");
  ASSERT_TRUE(moved);
  EXPECT_TRUE(*moved);
}

TEST_F(Loop, a_missing_image_is_not_found) {
  EXPECT_EQ(attach_loop(folder_ / "none").error().code, ErrorCode::not_found);
  EXPECT_EQ(find_loop(folder_ / "none").error().code, ErrorCode::not_found);
}

TEST_F(Loop, a_mount_is_seen_at_its_point_and_not_unmounted_while_in_use) {
  const Path point = folder_ / "point";
  fs::create_directory(point);
  const auto before = mounted_at(point);
  ASSERT_TRUE(before);
  EXPECT_FALSE(*before);
  ASSERT_TRUE(mount_file_system({"none", point, "tmpfs", 0, "size=1m"}));
  const auto mounted = mounted_at(point);
  ASSERT_TRUE(mounted && *mounted);
  EXPECT_EQ((*mounted)->type, "tmpfs");
  {
    const auto in_use = open_file(point / "file", O_RDWR | O_CREAT);
    ASSERT_TRUE(in_use);
    const auto refused = unmount(point);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  }
  EXPECT_TRUE(unmount(point));
  EXPECT_FALSE(unmount(point));
}

TEST_F(Loop, a_file_system_that_the_kernel_does_not_know_is_unsupported) {
  const Path point = folder_ / "point";
  fs::create_directory(point);
  const auto mounted = mount_file_system({"none", point, "no_such_fs", 0, ""});
  ASSERT_FALSE(mounted);
  EXPECT_EQ(mounted.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace howdah::os
