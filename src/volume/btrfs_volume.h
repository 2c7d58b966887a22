// SPDX-License-Identifier: Apache-2.0
// The driver on btrfs: each data directory is a subvolume, a clone a snapshot of it. On the host's
// own btrfs, or on one in the image data_dir/volume.img (detail/image.h).
#pragma once
#include "volume/volume.h"

namespace howdah::volume {

class BtrfsVolume final : public Volume {
 public:
  // image: empty when the volume lies on the host's own file system.
  BtrfsVolume(Parts parts, os::Path image) : Volume(std::move(parts)), image_(std::move(image)) {}

  std::string_view driver() const override { return "btrfs"; }
  bool clones_live_directories() const override { return true; }
  bool alone() const override { return !image_.empty(); }
  Result<void> create_directory(const std::string& path) override;
  Result<void> clone(const std::string& source, const std::string& destination) override;
  Result<ByteCount> usage(const std::string& path) override;
  Result<bool> limit_own_bytes(const std::string& path, ByteCount bytes) override;
  Result<std::vector<std::string>> check() override;
  Result<os::DiskSpace> room() const override;
  void free_deleted() override;
  Result<void> grow(ByteCount size_bytes) override;
  Result<void> close() override;

  // Counts own bytes of each subvolume from now on, where the kernel can and the volume is empty:
  // what was written before would never be counted.
  Result<void> count_own_bytes();
  // Grows the file system to its image.
  Result<void> take_whole_image();
  // Whether subvolumes can be made, cloned and deleted here.
  Result<void> probe();

 private:
  Result<bool> remove_directory(int parent_fd, const std::string& name) override;
  void reclaim_space() override;

  os::Path image_;
};

}  // namespace howdah::volume
