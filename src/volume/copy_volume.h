// SPDX-License-Identifier: Apache-2.0
// Two drivers on plain directories. `copy`, for every file system: a clone is a full copy, written
// and synced byte by byte. `reflink`, where FICLONE works (XFS, bcachefs, btrfs without the leave
// to make snapshots): each file shares its extents, so a clone costs 30 us a file and the syncs.
// Either is no moment of a running instance: the source must be stopped.
#pragma once
#include "volume/detail/tree.h"
#include "volume/volume.h"

namespace howdah::volume {

class CopyVolume final : public Volume {
 public:
  CopyVolume(Parts parts, tree::Content content) : Volume(std::move(parts)), content_(content) {}

  std::string_view driver() const override {
    return content_ == tree::Content::shared ? "reflink" : "copy";
  }
  bool clones_live_directories() const override { return false; }
  Result<void> create_directory(const std::string& path) override;
  Result<void> clone(const std::string& source, const std::string& destination) override;
  Result<ByteCount> usage(const std::string& path) override;
  Result<std::vector<std::string>> check() override;
  Result<void> close() override;

 private:
  Result<void> clone_into(int staged_fd, const std::string& source);

  tree::Content content_;
};

}  // namespace howdah::volume
