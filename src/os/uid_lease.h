// SPDX-License-Identifier: Apache-2.0
// Which range of uids belongs to which data folder of this host, so that the instances of two
// folders never run under the same uid. Kept in one file for the whole host, under a lock.
// Blocks, normally under a millisecond; at most 10 s for the lock.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::os {

inline constexpr uid_t kUidFirst = 1'000'000'000;
inline constexpr std::uint32_t kUidRangeSize = 65'536;
inline constexpr const char* kUidLeaseFile = "/var/lib/howdah-uids.json";

struct UidRange {
  uid_t first = 0;
  std::uint32_t count = kUidRangeSize;
};

struct UidLeaseRequest {
  Path data_dir;          // absolute, canonical, and its howdah.json has the folder id
  std::string folder_id;  // made once for each data folder
  Path lease_file = kUidLeaseFile;
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

struct LeasedUids {
  uid_t first = 0;
  std::string folder_id;
  std::string path;  // of the data folder, when it last asked
};
Result<std::vector<LeasedUids>> uid_leases(const Path& lease_file = kUidLeaseFile);
// Gives the range of a folder back; without one it is done. Only when its files are gone: the next
// owner of the range would own them.
Result<void> release_uids(const std::string& folder_id, const Path& lease_file = kUidLeaseFile);

// The id in a folder's howdah.json. Empty: it is no data folder, or cannot be read.
std::optional<std::string> folder_id_at(const Path& data_dir);

}  // namespace howdah::os
