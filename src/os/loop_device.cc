// SPDX-License-Identifier: Apache-2.0
#include "os/loop_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace howdah::os {
namespace {

std::unexpected<Error> no_loop(std::string_view step, int error_number) {
  return fail(ErrorCode::unsupported, fmt::format("this machine gives no loop device: {}: {}", step,
                                                  std::generic_category().message(error_number)));
}

// A machine without udev (a container) has the device but not its file.
Result<UniqueFd> open_device(int number, int flags) {
  const std::string path = fmt::format("/dev/loop{}", number);
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    (void)::mknod(path.c_str(), S_IFBLK | 0660,
                  ::makedev(LOOP_MAJOR, static_cast<unsigned>(number)));
    fd = UniqueFd(::open(path.c_str(), flags | O_CLOEXEC));
  }
  if (!fd) return no_loop("open " + path, errno);
  return fd;
}

std::optional<loop_info64> status_of(int fd) {
  loop_info64 info{};
  if (::ioctl(fd, LOOP_GET_STATUS64, &info) != 0) return std::nullopt;
  return info;
}

}  // namespace

Result<std::optional<LoopDevice>> find_loop(const Path& image) {
  struct stat wanted{};
  if (::stat(image.c_str(), &wanted) != 0) return fail_errno("look at " + image.string(), errno);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/block", ignored)) {
    const std::string name = entry.path().filename();
    // Without a backing file it is free; opening a free one would keep it from its next user.
    if (!name.starts_with("loop") || !exists(entry.path() / "loop/backing_file", ignored)) continue;
    UniqueFd fd(::open(("/dev/" + name).c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) continue;
    const auto info = status_of(fd.get());
    if (info && info->lo_device == wanted.st_dev && info->lo_inode == wanted.st_ino) {
      const bool direct_io = (info->lo_flags & LO_FLAGS_DIRECT_IO) != 0;
      return LoopDevice{"/dev/" + name, std::move(fd), direct_io};
    }
  }
  return std::nullopt;
}

Result<LoopDevice> attach_loop(const Path& image) {
  HOWDAH_TRY(const UniqueFd backing, open_file(image, O_RDWR));
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control) return no_loop("open /dev/loop-control", errno);

  loop_config config{};
  config.fd = static_cast<__u32>(backing.get());
  // As large as any host disk's own block, so that direct I/O is aligned on all of them.
  config.block_size = 4096;
  config.info.lo_flags = LO_FLAGS_DIRECT_IO | LO_FLAGS_AUTOCLEAR;
  std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), image.c_str(), LO_NAME_SIZE - 1);

  // Between "this one is free" and taking it another program may have taken it.
  constexpr int kAttempts = 32;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return no_loop("find a free one", errno);
    HOWDAH_TRY(UniqueFd fd, open_device(number, O_RDWR));
    if (::ioctl(fd.get(), LOOP_CONFIGURE, &config) == 0) {
      const auto info = status_of(fd.get());
      const bool direct_io = info && (info->lo_flags & LO_FLAGS_DIRECT_IO) != 0;
      return LoopDevice{fmt::format("/dev/loop{}", number), std::move(fd), direct_io};
    }
    // A host file system without direct I/O refuses the flag on some kernels, ignores it on others.
    if (errno == EINVAL && config.info.lo_flags & LO_FLAGS_DIRECT_IO) {
      config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    } else if (errno != EBUSY) {
      return no_loop("attach " + image.string(), errno);
    }
  }
  return no_loop("attach " + image.string(), EBUSY);
}

Result<void> take_new_size(const LoopDevice& device) {
  if (::ioctl(device.fd.get(), LOOP_SET_CAPACITY, 0) == 0) return {};
  return fail_errno("let " + device.path.string() + " grow", errno);
}

Result<void> wait_until_detached(const Path& image, int timeout_ms) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    {
      HOWDAH_TRY(const auto device, find_loop(image));
      if (!device) return {};
      if (std::chrono::steady_clock::now() > give_up) {
        return fail(ErrorCode::timeout,
                    image.string() + " is still attached to " + device->path.string());
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace howdah::os
