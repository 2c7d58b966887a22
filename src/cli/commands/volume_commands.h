// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace howdah::cli {

struct VolumeSize {
  ByteCount bytes = 0;
  bool added = false;  // to what there is
};
// "20G", "+512M", "21474836480"; units of 1024. Errors: invalid_request.
Result<VolumeSize> parse_volume_size(std::string_view text);

struct VolumePicture {
  ByteCount size, free, ballast, refuse, suspend;
};
// One line of ASCII with width cells: # used, . free, ! and X the last of it.
std::string volume_bar(const VolumePicture& volume, int width);

}  // namespace howdah::cli
