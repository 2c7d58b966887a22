// SPDX-License-Identifier: Apache-2.0
// Which range of uids belongs to which data folder of this host, so that the instances of two
// folders never run under the same uid. Kept in one file for the whole host, under a lock.
// Blocks, normally under a millisecond; at most 10 s for the lock.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

inline constexpr uid_t kUidFirst = 1'000'000'000;
inline constexpr std::uint32_t kUidRangeSize = 65'536;

struct UidRange {
  uid_t first = 0;
  std::uint32_t count = kUidRangeSize;
};

struct UidLeaseRequest {
  Path data_dir;          // absolute, canonical, and its howdah.json has the folder id
  std::string folder_id;  // made once for each data folder
  Path lease_file = "/var/lib/howdah-uids.json";
  Path etc = "/etc";  // where passwd, group, subuid and subgid are
};

// The range of a data folder: the same one each time, also after the folder was moved. A copy of a
// folder that is still there is refused: the files in it belong to the uids of the other one.
// A new range overlaps no uid or gid of passwd and group and no range of subuid and subgid. Ranges
// of folders that are gone (the path is missing, or its howdah.json names another id) are given
// out again only when kUidLeasesMax are listed, the oldest first: a folder may be on a disk that
// is not mounted now.
// Errors: unsupported without a free range, timeout, data_folder_unusable for a copy and when the
// lease file is damaged.
inline constexpr std::size_t kUidLeasesMax = 1024;
Result<UidRange> lease_uids(const UidLeaseRequest& request);

}  // namespace howdah::os
