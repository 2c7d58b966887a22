// SPDX-License-Identifier: Apache-2.0
// Which user ids the instances of a data folder run under. Ranges are leased for the whole host, so
// that two data folders never share one: two instances with one uid could read each other.
//
// The lease file is written under a lock, only as root. A lease is never given back by itself:
// files owned by its uids may still be somewhere (a volume that is not mounted now, a copy).
#pragma once
#include <sys/types.h>

#include <string>

#include "base/error.h"
#include "os/file.h"

namespace howdah::node {

inline constexpr uid_t kUidFirst = 1'000'000'000;
inline constexpr uid_t kUidsPerFolder = 65'536;
inline constexpr uid_t kUidRangesMax = 49'000;  // below 2^32 - 1, which chown() takes for "keep"

struct UidRange {
  uid_t begin = 0;
  uid_t size = 0;
};

// The range of the folder; the same one at each start, also after the folder was moved.
// lease_file: "/var/lib/howdah-uids.json".
// Errors: data_folder_unusable for a copy of a folder that is still there (both would use the same
// uids); conflict when every range is leased; io_error. Cost: a few syncs the first time; blocks.
Result<UidRange> lease_uids(const os::Path& lease_file, const std::string& folder_id,
                            const os::Path& data_dir);

}  // namespace howdah::node
