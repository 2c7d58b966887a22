// SPDX-License-Identifier: Apache-2.0
// The driver for every file system: a clone is a full copy, written and synced byte by byte.
#pragma once
#include "volume/volume.h"

namespace howdah::volume {

class CopyVolume final : public Volume {
 public:
  explicit CopyVolume(Parts parts) : Volume(std::move(parts)) {}

  std::string_view driver() const override { return "copy"; }
  bool clones_live_directories() const override { return false; }
  Result<void> create_directory(const std::string& path) override;
  Result<void> clone(const std::string& source, const std::string& destination) override;
  Result<ByteCount> usage(const std::string& path) override;
  Result<std::vector<std::string>> check() override;
  Result<void> close() override;

 private:
  Result<void> clone_into(int staged_fd, const std::string& source);
};

}  // namespace howdah::volume
