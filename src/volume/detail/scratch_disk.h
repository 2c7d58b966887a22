// SPDX-License-Identifier: Apache-2.0
// For tests: a small disk of its own (an image file, mounted) whose power can be cut. Everything it
// made goes with it, also when an assertion fails. Needs root.
#pragma once
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "os/file.h"
#include "os/loop_device.h"
#include "os/mount.h"
#include "os/process.h"

namespace howdah::volume {

// A folder under /tmp that is deleted with all it holds.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = "/tmp/howdah-volume-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~ScratchFolder() { (void)os::remove_tree(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const os::Path& path() const { return path_; }

 private:
  os::Path path_;
};

inline void run_program(std::vector<std::string> arguments) {
  os::SpawnOptions options;
  options.arguments = std::move(arguments);
  options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  const auto output = os::run(options, 60'000);
  ASSERT_TRUE(output) << output.error().to_log();
  ASSERT_EQ(output->exit_code, 0) << output->text;
}

// Mounts what an image holds for as long as it lives.
class MountedImage {
 public:
  MountedImage(os::Path image, os::Path mount_point, const std::string& type,
               const std::string& options = "nodiscard")
      : image_(std::move(image)), mount_point_(std::move(mount_point)) {
    std::filesystem::create_directories(mount_point_);
    auto device = os::attach_loop(image_);
    if (!device) ADD_FAILURE() << device.error().to_log();
    if (!device) return;
    const auto mounted =
        os::mount_file_system({device->path.string(), mount_point_, type, 0, options});
    if (!mounted) ADD_FAILURE() << mounted.error().to_log();
  }
  ~MountedImage() {
    (void)os::unmount(mount_point_);
    (void)os::wait_until_detached(image_, 5000);
  }
  MountedImage(const MountedImage&) = delete;
  MountedImage& operator=(const MountedImage&) = delete;
  const os::Path& path() const { return mount_point_; }

 private:
  os::Path image_;
  os::Path mount_point_;
};

// What the disk under a mounted image holds at this moment: the blocks that were written out, and
// nothing that is only in memory. That is what a power cut leaves (writes are not reordered).
inline os::Path cut_power(const os::Path& image, const os::Path& copy) {
  run_program({"/usr/bin/cp", "--sparse=never", image.string(), copy.string()});
  return copy;
}

inline os::Path make_disk(const os::Path& image, const std::string& type, const char* size) {
  run_program({"/usr/bin/fallocate", "-l", size, image.string()});
  if (type == "btrfs") {
    run_program({"/usr/sbin/mkfs.btrfs", "-q", "-K", image.string()});
  } else if (type == "xfs") {
    // Sectors as large as those of our loop devices, which are refused otherwise.
    run_program(
        {"/usr/sbin/mkfs.xfs", "-q", "-K", "-s", "size=4096", "-m", "reflink=1", image.string()});
  } else {
    run_program(
        {"/usr/sbin/mkfs." + type, "-q", "-F", "-b", "4096", "-E", "nodiscard", image.string()});
  }
  return image;
}

inline void write_text(const os::Path& path, std::string_view text) {
  const auto fd = os::open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
  ASSERT_TRUE(fd) << fd.error().to_log();
  ASSERT_EQ(::write(fd->get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

inline std::string read_text(const os::Path& path) {
  return os::read_file(path).value_or("(not readable)");
}

}  // namespace howdah::volume
