// SPDX-License-Identifier: Apache-2.0
#include "volume/detail/image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "os/loop_device.h"
#include "os/mount.h"
#include "os/process.h"

namespace howdah::volume::image {
namespace {

struct Allocation {
  ByteCount size;
  ByteCount allocated;
};

Result<Allocation> allocation_of(const os::Path& image) {
  struct stat info{};
  if (::stat(image.c_str(), &info) != 0) return fail_errno("look at " + image.string(), errno);
  return Allocation{static_cast<ByteCount>(info.st_size),
                    static_cast<ByteCount>(info.st_blocks) * 512};
}

// Some file systems say yes to fallocate and allocate nothing, and a mkfs may punch it out again.
Result<void> expect_preallocated(const os::Path& image, std::string_view after) {
  HOWDAH_TRY(const Allocation found, allocation_of(image));
  if (found.allocated >= found.size) return {};
  return fail(ErrorCode::unsupported,
              fmt::format("the host's file system does not keep an image preallocated: after {} "
                          "{} of {} are allocated",
                          after, to_pretty(found.allocated), to_pretty(found.size)));
}

Result<void> allocate(const os::Path& image, ByteCount size) {
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(image, O_RDWR | O_CREAT | O_EXCL));
  if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0) {
    if (errno == EOPNOTSUPP) {
      return fail(ErrorCode::unsupported, "the host's file system cannot preallocate a file");
    }
    return fail_errno(fmt::format("allocate {} for {}", to_pretty(size), image.string()), errno);
  }
  if (::fsync(fd.get()) != 0) return fail_errno("sync " + image.string(), errno);
  return expect_preallocated(image, "allocation");
}

Result<void> make_file_system(const os::Path& image) {
  std::string program;
  for (const char* candidate :
       {"/usr/sbin/mkfs.btrfs", "/sbin/mkfs.btrfs", "/usr/bin/mkfs.btrfs"}) {
    if (program.empty() && ::access(candidate, X_OK) == 0) program = candidate;
  }
  if (program.empty()) {
    return fail(ErrorCode::unsupported, "mkfs.btrfs is not installed (package btrfs-progs)");
  }
  os::SpawnOptions options;
  // -K: a discard would punch the preallocated blocks out of the image.
  options.arguments = {program, "-q", "-K", "-L", "howdah", image.string()};
  options.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
  HOWDAH_TRY(const os::Output output, os::run(options, 60'000));
  if (output.exit_code != 0) {
    return fail(ErrorCode::unsupported, fmt::format("mkfs.btrfs ended with {}", output.exit_code),
                {}, output.text);
  }
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(image, O_RDWR));
  if (::fsync(fd.get()) != 0) return fail_errno("sync " + image.string(), errno);
  return expect_preallocated(image, "mkfs");
}

}  // namespace

Result<void> make(const os::Path& image, ByteCount size) {
  const os::Path unfinished = image.string() + ".new";
  if (::unlink(unfinished.c_str()) != 0 && errno != ENOENT) {
    return fail_errno("delete " + unfinished.string(), errno);
  }
  auto made = allocate(unfinished, size);
  if (made) made = make_file_system(unfinished);
  if (made && ::rename(unfinished.c_str(), image.c_str()) != 0) {
    made = fail_errno("rename " + unfinished.string(), errno);
  }
  if (!made) {
    (void)::unlink(unfinished.c_str());
    return made;
  }
  return os::sync_directory(image.parent_path());
}

Result<void> mount(const os::Path& image, const os::Path& mount_point) {
  HOWDAH_TRY(const auto mounted, os::mounted_at(mount_point));
  HOWDAH_TRY(auto device, os::find_loop(image));
  if (mounted) {
    if (device && mounted->source == device->path && mounted->type == "btrfs") return {};
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("{} ({}) is mounted on {}", mounted->source, mounted->type,
                            mount_point.string()),
                "unmount it, or choose another data folder");
  }
  if (!device) {
    HOWDAH_TRY(device, os::attach_loop(image));
  }
  // nodiscard: see -K above. Nothing on a volume is a program or a device of the host.
  return os::mount_file_system({device->path.string(), mount_point, "btrfs",
                                MS_NOATIME | MS_NOSUID | MS_NODEV, "nodiscard"});
}

Result<void> grow(const os::Path& image, ByteCount size) {
  HOWDAH_TRY(const auto device, os::find_loop(image));
  if (!device) return fail(ErrorCode::conflict, image.string() + " is not attached");
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(image, O_RDWR));
  HOWDAH_TRY(const Allocation before, allocation_of(image));
  const auto begin = static_cast<off_t>(before.size);
  auto grown = [&]() -> Result<void> {
    if (::fallocate(fd.get(), 0, begin, static_cast<off_t>(size) - begin) != 0) {
      return fail_errno(fmt::format("allocate {} for {}", to_pretty(size), image.string()), errno);
    }
    if (::fsync(fd.get()) != 0) return fail_errno("sync " + image.string(), errno);
    return expect_preallocated(image, "growth");
  }();
  // The device does not know of it yet, so nothing of it is in use.
  if (!grown) (void)::ftruncate(fd.get(), begin);
  if (!grown) return grown;
  return os::take_new_size(*device);
}

Result<std::vector<std::string>> check(const os::Path& image) {
  std::vector<std::string> findings;
  HOWDAH_TRY(const Allocation found, allocation_of(image));
  if (found.allocated < found.size) {
    findings.push_back(fmt::format(
        "the volume's image is not fully allocated any more ({} of {}): the host can run out of "
        "space under it; restore it with 'fallocate -l {} {}'",
        to_pretty(found.allocated), to_pretty(found.size), found.size, image.string()));
  }
  HOWDAH_TRY(const auto device, os::find_loop(image));
  if (!device) {
    findings.push_back("the volume's image is not attached");
  } else if (!device->direct_io) {
    findings.push_back("the volume's loop device has no direct I/O: data is cached twice");
  }
  return findings;
}

}  // namespace howdah::volume::image
